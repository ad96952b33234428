"""Items into the store: stages, runner, ledger, and the runs made of them."""
