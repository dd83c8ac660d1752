"""aftercart: customer service and triggered mail for an online shop. Start reading at app.py.

__main__   the command line            app       builds every part once and joins them
house      what the parts share        jobs      what each line of the schedule does
inbound    what reaches us             schedule  what repeats, and who wakes the loops
support    decisions: customer service outbound  what leaves us: one outbox, a sender per channel
shops      the shop systems            contacts  who is this, what they allow
events     something happened          tables    every table
base       the ground                  demo      a day of the sample shop, played through the front doors
"""
