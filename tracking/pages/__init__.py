"""What shoppers see: the page of their order, the way to it, and what the storefront puts into its own."""
