"""Marketing: what we send without being asked. Start reading at engine.py.

flows       one TOML per automation: this folder is the list of what runs
flow_files  reads and checks them      on_event     each new event once: credit, stop flows, start flows
engine      moves enrolments           steps        what a step of a flow does
conditions  questions a flow may ask   gate         may we send, and why not
attribution which mail brought an order
"""
