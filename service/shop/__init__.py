"""The open shop behind the routes: store, encoders, shoppers, workers."""
