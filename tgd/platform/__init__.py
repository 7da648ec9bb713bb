"""What happens after a press: the alert, the decision, the dispatch."""
