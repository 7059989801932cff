"""Messages to shoppers: their texts, and how a brand's mail is drawn. Sending is ``services/notify.py``'s."""
