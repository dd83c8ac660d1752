"""The five customers of the sample shop."""

from bot.demo.shop_front import Customer

ANNA = Customer("cust-1", "Anna", "anna@example.com")
CLARA = Customer("cust-2", "Clara", "clara@example.com")
DEV = Customer("cust-3", "Dev", "dev@example.com", consents=False)
EMMA = Customer("cust-4", "Emma", "emma@example.com")
MEI = Customer("cust-5", "Mei", "mei@example.com", language="zh-CN")
EVERYBODY = (ANNA, CLARA, DEV, EMMA, MEI)
