"""The fields of a row that says who took what and when, with the names of columns that mean them."""

from __future__ import annotations

from vlclip.ranking.tables.columns import TIME, Guess

GUESSES = (
    Guess("user", (
        "userid", "user", "reviewerid", "visitorid", "customerid", "userpseudoid", "clientid", "uid",
        "customer", "client", "visitor", "shopper", "memberid",
    )),
    Guess("session", ("sessionid", "session", "usersession", "gasessionid", "visitid", "sid", "basketid")),
    Guess("item", (
        "itemid", "item", "productid", "product", "articleid", "article", "asin", "parentasin", "sku",
        "docid", "corpusid", "contentid", "iid", "pid", "movieid", "id",
    )),
    Guess(TIME, (
        "time", "timestamp", "eventtime", "eventtimestamp", "unixreviewtime", "unixtime", "ts", "datetime",
        "createdat", "occurredat", "eventdatetime", "date", "eventdate", "tdat", "orderdate", "timeframe",
    )),
)  # fmt: skip
