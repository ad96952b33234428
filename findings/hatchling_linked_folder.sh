#!/usr/bin/env bash
# hatchling 1.33.0 (build 1.6.1): a folder that a package contains as a link, and that also stands beside the
# package, is missing from the source distribution, without a word; and `python -m build`, which builds the wheel
# from that source distribution, says "Successfully built" about a wheel without the linked modules. A wheel built
# from the checkout has them. The walk follows links, but takes each directory once, by its inode: what comes first
# in the alphabet wins, here the folder at the top. Naming the package in `only-include` of the source distribution
# makes the walk begin there.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet build==1.6.1 hatchling==1.33.0

mkdir -p project/engine project/shop
cd project
echo 'VALUE = 1' > engine/item.py
touch engine/__init__.py shop/__init__.py
ln -s ../engine shop/engine
write_pyproject() {
    cat > pyproject.toml <<TOML
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "shop"
version = "1"
[tool.hatch.build.targets.wheel]
packages = ["shop"]
$1
TOML
}
modules() { ../venv/bin/python -c "import glob, zipfile; print(*(n for n in zipfile.ZipFile(glob.glob('$1/*.whl')[0]).namelist() if n.endswith('.py')))"; }

write_pyproject ''
../venv/bin/python -m build --no-isolation --outdir both . 2>&1 | tail -1 | tee log
../venv/bin/python -m build --no-isolation --wheel --outdir wheel . > /dev/null
write_pyproject $'[tool.hatch.build.targets.sdist]\nonly-include = ["shop"]'
../venv/bin/python -m build --no-isolation --outdir named . > /dev/null

echo "from the source distribution: $(modules both)"
echo "from the checkout:            $(modules wheel)"
echo "with only-include:            $(modules named)"
grep -q 'Successfully built shop-1.tar.gz and shop-1-py2.py3-none-any.whl' log
[ "$(modules both)" = "shop/__init__.py" ]
[ "$(modules wheel)" = "shop/__init__.py shop/engine/__init__.py shop/engine/item.py" ]
[ "$(modules named)" = "shop/__init__.py shop/engine/__init__.py shop/engine/item.py" ]
echo "as described"
