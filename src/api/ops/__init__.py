"""The operations page: what an operator watches without any other program."""
