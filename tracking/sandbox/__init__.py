"""Both upstreams, commercetools and AfterShip, served over real HTTP from memory.

server.py takes a request, dials.py may spoil it, commercetools.py or aftership.py answers it, journal.py notes what
it did. webhooks.py carries what the two upstreams send by themselves. control.py is the hand that moves it all,
client.py its typed form. Faithful to the published contracts and strict where they are: a client that is content here
has kept to them.
"""
