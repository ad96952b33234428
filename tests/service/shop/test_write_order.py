"""Writes become ready in any order; the store ends as if each had been done when it came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vlclip.ingestion.pipeline.patches import ItemPatch
from vlclip.service.shop.write_order import WriteOrder

IDS = ["a", "b"]
STEPS = ["begin", "compare", "end", "patch", "delete"]
steps = st.lists(
    st.tuples(st.sampled_from(STEPS), st.sampled_from(IDS), st.integers(0, 3)),
    max_size=40,
)  # fmt: skip


class Model:
    """A store of (title, price) by id, and writes of one item each that are under way."""

    def __init__(self):
        self.order, self.store, self.ideal, self.under_way = WriteOrder(), {}, {}, []

    def begin(self, item_id, title):
        opened = self.order.begun([item_id])
        self.under_way.append([opened, opened.__enter__(), item_id, title, None])
        self.ideal[item_id] = (title, 0)

    def compare(self, write):
        _, _, item_id, title, _ = write
        write[4] = (self.order.next(), self.store.get(item_id) == (title, 0))

    def end(self, write):
        opened, number, item_id, title, compared = write
        since, is_unchanged = compared or (0, False)
        if self.order.is_late(item_id, number):
            pass
        elif is_unchanged and not self.order.is_stored_since(item_id, since):
            self.order.settle([item_id], number)
        else:
            self.store[item_id] = (title, 0)
            for patch in self.order.store([item_id], number):
                self.store[patch.id] = (self.store[patch.id][0], patch.fields["price"])
        self.under_way.remove(write)
        opened.__exit__(None, None, None)

    def patch(self, item_id, price):
        if item_id in self.store:
            self.store[item_id] = (self.store[item_id][0], price)
            self.order.patched([ItemPatch(item_id, {"price": price})])
            if item_id in self.ideal:
                self.ideal[item_id] = (self.ideal[item_id][0], price)

    def delete(self, item_id):
        self.order.settle([item_id], self.order.next())
        self.store.pop(item_id, None)
        self.ideal.pop(item_id, None)


@given(steps)
def test_the_store_ends_as_if_each_had_been_done_when_it_came(steps):
    model = Model()
    for step, item_id, number in steps:
        writes = model.under_way
        if step == "begin":
            model.begin(item_id, number)
        elif step == "patch":
            model.patch(item_id, number + 1)
        elif step == "delete":
            model.delete(item_id)
        elif writes:
            getattr(model, step)(writes[number % len(writes)])
    while model.under_way:
        model.end(model.under_way[0])
    assert model.store == model.ideal
    order = model.order
    assert [order._awaited, order._settled, order._stored, order._patches] == [{}, {}, {}, {}]
