"""Marketing: what we send without being asked. Start reading at running/engine.py.

flows        one TOML per automation: this folder is the list of what runs
definition   what a flow file may say, how it is checked, published and drawn
asking       questions that a flow may ask about a person, and the facts behind them
running      events once: start flows, stop flows; enrolments moved one step when their time has come
gate         may this message leave, and why not; what a mail can show
audiences    segments, RFM, tiers; broadcasts are sent to them
experiments  who is in which arm, and what may be said about it
reports      what became of it, and why somebody got it or not
attribution  which mail brought an order
"""
