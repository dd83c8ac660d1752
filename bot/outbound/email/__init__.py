"""Mail as it leaves: a template becomes subject, HTML and text; those become bytes; a kept connection takes them away.

source · mjml · textpart · tracking → mail_template → templates (find, list, lint)    compose · smtp → sender
"""
