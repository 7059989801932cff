"""What shoppers read, in their language: pure, and the same for console, mails and pages."""
