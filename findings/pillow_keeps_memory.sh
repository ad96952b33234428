#!/usr/bin/env bash
# Pillow 13 with glibc: a thread that has decoded a large photo keeps its memory, each thread its own. Pillow allocates
# an image's rows in blocks of 16 MB. Once glibc has freed one such block it takes the next from the thread's heap
# instead of the system, and a heap with anything alive at its end is not given back. Blocks above 32 MB, the most
# that glibc ever keeps, are: `Image.core.set_block_size`, or PILLOW_BLOCK_SIZE in the environment. It should hold a
# whole image, as what is left for its last block may again be below 32 MB.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet "pillow>=12"
cat > show.py <<PY
import io
import threading

from PIL import Image

photo, turn = io.BytesIO(), threading.Lock()
Image.new("RGBA", (5000, 5000), "red").save(photo, "PNG", compress_level=1)


def resident_mb():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1000


def work():
    with turn, Image.open(io.BytesIO(photo.getvalue())) as image:  # one at a time
        image.load()
    image = None
    done.wait()


done, before = threading.Barrier(5), resident_mb()
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
while done.n_waiting < 4:
    pass
print(resident_mb() - before)
PY
small=$(venv/bin/python show.py)
large=$(PILLOW_BLOCK_SIZE=1023m venv/bin/python show.py)
echo "kept by four threads after a photo of 100 MB each, in MB: $small; in one block: $large"
[ "$small" -gt 300 ] && [ "$large" -lt 50 ]
echo "as described"
