"""Which words are danger, and which ask for a person: phrases of shoppers both ways, in English and in Chinese."""

import time

import pytest

from bot.support.answers import guards

DANGER = """
I want to kill myself
I've been thinking about suicide
i feel suicidal tonight
thinking of sucide
I don't want to live anymore
i dont want to live any more
I just want to die
there is no reason to live
i am going to end my life
I'm going to end it all
my daughter is hurting herself
my son tried to kill himself because of your shop
She took an overdose of the pills I bought
I cut myself on purpose
better off dead
i will jump off the bridge if this parcel does not come
s u i c i d e
I want to d i e, i will kill myself
I had a severe allergic reaction to your cream
allergic reaction!!! face swollen
my face is swelling up after using the mask
anaphylaxis after eating the nuts
My throat is closing
I can't breathe
i cant breathe
I can’t breathe properly since I used the spray
my baby is having trouble breathing
he stopped breathing
My kid is choking on a part of your toy
she choked on the bead
My child swallowed a button battery
my toddler swallowd a magnet
our dog swallowed the battery from your remote
He ate a silica packet, what do I do
my son drank the cleaner
There is a bead up his nose, it is stuck in his nose
the heating pad burned my back
I burnt my hand on the kettle
I got burned by the hair straightener
my daughter has second degree burns
the acid peel gave me a chemical burn
my skin is burning after your lotion
The lamp gave me an electric shock
got an electrical shock from the kettle
it shocked me when I plugged it in
my husband was nearly electrocuted
I can smell gas from the stove you delivered
the cooker smells of gas
gas is leaking from the heater
The charger caught fire
the power bank is on fire
Your blanket started a fire in my bedroom
FIRE
my house burned down because of your candle
there is smoke coming out of the speaker
The adapter is smoking
the plug started smoking
it smells like burning plastic
burning smell from the charger
The battery exploded
the scooter battery blew up
my power bank is swollen and hot
the battery is overheating
my phone battery got very hot and is hissing
the charger melted
sparks came out of the socket
carbon monoxide poisoning from your heater?
We got food poisoning from the salmon
my cat was poisoned by the plant
I found glass in my food
there was a piece of metal in the chocolate
a shard of glass inside my baby's food
I bit on a piece of glass in the bread
I am bleeding
my finger won't stop bleeding
There is blood everywhere
The glass table broke and cut my leg
the glass table arrived broken and my daughter got hurt
shelf fell on my son
the chair collapsed and he is injured
I needed stitches after opening the tin
she is in hospital because of your product
We are at the hospital now
My husband was rushed to the emergency room
had to go to the ER
he was hospitalised
please call an ambulance
i called 911
need an ambulence
my mother is unconscious
he passed out after taking the supplement
she fainted
chest pain after the pills
my grandfather had a heart attack
my child is vomiting since she ate it
he is dying
I almost died
it could have killed me
someone threatened me with a knife
Your driver threatened to kill me
the courier attacked me
the delivery man hit me
I will kill you all
I'm going to stab someone in your shop
he beats me, please help
there is a bomb in the parcel
I was assaulted by your driver
this is a medical emergency
HELP ME I AM TRAPPED IN THE LIFT, not a joke, i am trapped in the lift
my finger is stuck, it crushed my finger
hello, where is my order? also my baby swallowed a coin battery
Thanks!! but the heater is on fire
""".strip().splitlines()

DANGER_ZH = """
我不想活了
想自杀
我活不下去了
孩子想跳楼
我想死
他割腕了
她吃了很多安眠药
用了你们的面霜过敏了
严重过敏，脸都肿了
过敏反应很厉害
我喘不过气来
呼吸困难
宝宝噎住了
孩子吞了纽扣电池
孩子误食了干燥剂
小孩吃了磁铁
宝宝把电池吞下去了
猫误吞了零件
东西卡在喉咙里了
热水袋炸了把我烫伤了
手被烫伤
烫起泡了
孩子被烧伤了
台灯漏电
我触电了
被电到了
家里有煤气味
闻到燃气泄漏
一氧化碳中毒
充电宝着火了
充电器冒烟
插头冒火花
手机爆炸了
电池鼓包了
电池发烫快要炸了
电池漏液
有一股烧焦的味道
电热毯起火
食物中毒了
吃了你们的东西中毒了
饼干里吃出玻璃
里面有刀片，孩子划破了手
我流血了
手被玻璃划伤
玻璃桌碎了，割伤了脚
架子倒了砸到孩子
老人摔伤了
孩子受伤了
骨折了
现在在医院
住院了
送医院抢救
叫救护车
打120
孩子昏迷了
我妈晕倒了
心脏病发作
一直呕吐送急诊
快递员打我
快递员威胁我
我要杀了你们
有人持刀威胁我
老公家暴
救命
救命啊着火了
出人命了
他快死了
自 杀
充 电 宝 着 火
我觸電了
孩子受傷了要送醫
""".strip().splitlines()

NO_DANGER = """
gas stove
do you sell gas grills
Is this gas heater in stock
fire TV stick
does the fire hd 10 come with a charger
fire pit with cover
killer deal!
your prices are killer
this sale is on fire
battery life
how long does the battery last
is the battery included
my phone battery is dying after two hours, can I return it
the battery does not charge
battery arrived dead
dying to get it
I'm dying to try it on
this dress is to die for
glass table arrived broken
the vase was shattered when it came
my mug arrived in pieces
is the toy a choking hazard for a 2 year old
smoke detector
smoke grey sofa
do you have a carbon monoxide alarm
suicide squad poster
toy ambulance
I want a bath bomb
burnt orange cushion
wood burning stove
burn time of the candle
what is the burn time
the colour bleeds in the wash
blood pressure monitor
shock absorber
is it shock proof
fireplace tools
fire extinguisher
the wait is killing me
can I change the delivery address
where is my order
what are your opening hours
the shoes hurt my feet
it is too hot for a winter coat
hot water bottle
first aid kit
knife set
glue gun
the zip broke
my card was swallowed by the ATM
swallow bird print
do you deliver to a hospital
please deliver to the hospital reception
can you send flowers to my mum at work
I am allergic to nuts, is this nut free
exploded view diagram
bleeding edge tech
emergency kit
poster blown up to A2
lip balm for dry skin
cut to length
I live in London
how do I cut the rug to size
""".strip().splitlines()

NO_DANGER_ZH = """
火锅底料
火爆吗
有没有灭火器
煤气灶多少钱
燃气热水器包安装吗
烟雾报警器
跳楼价
秒杀活动什么时候
杀价可以吗
爆炸盐好用吗
空气炸锅
泡澡炸弹
敏感肌会过敏吗
会不会过敏
过敏体质能用吗
玻璃杯碎了
玻璃桌收到时破了
屏幕有划痕
电池能用多久
电池续航怎么样
充电宝能带上飞机吗
玩具救护车
急救包有货吗
救命恩人
急死我了快发货
笑死我了
想死你了
气炸了
我在医院上班，能送到吗
热水壶
防烫伤手套
人工草坪
人工智能音箱
漏电保护开关
订单到哪了
运费多少
怎么退货
""".strip().splitlines()

HUMAN = """
speak to someone
can I speak to someone please
talk to a human
I want to talk to a real person
get me a person
get me a human now
give me a human
gimme a human
put me through to an agent
let me speak to your manager
I want to speak with a supervisor
is there anybody
is there anybody there?
is anyone there
anyone there?
hello? anybody?
is someone there
is there a real person
are there any humans here
are you a bot
are you human?
are you even real
is this a bot
am i talking to a machine
I don't want a bot
i dont want to talk to a robot
no bots please
no more bots
stop the bot
stupid bot
this bot is useless
useless machine
fuck this bot
I hate talking to robots
enough of the bot
not a bot, a person
call me
call me back
please call me
call me on 555 1234
can you call me
give me a call
I need a call back
can i call you
can I phone someone
human
human please
HUMAN!!!
humannnn
agent
agent please
operator
representative
customer service
customer service please
real person please
live agent
live chat
connect me with an agent
connect me to a human
transfer me
transfer me to support staff, a person
escalate this
I want to escalate
can someone please answer me
can someone help me please
will anyone ever reply
someone please help
could somebody contact me
I need a human
need human
i need a person to help me
i want an actual human being
I'd like to speak to a colleague of yours, a person
find me someone who can actually help
who can I talk to
where are the humans
I demand to speak with your boss
talk to humen
speek to a persn
tlak to an agnet
i want to speak to a representitive
conect me to a human
t a l k to a human
talk to some1
h u m a n
would it be possible to speak with a member of staff
excuse me, may I kindly speak to a person in charge
can i get a human on here
let me talk to a person you stupid machine
just get me a manager
want to speak 2 a human
lemme talk to a person
""".strip().splitlines()

HUMAN_ZH = """
转人工
转人工！
人工
人工客服
人工服务
转 人 工
转。人。工
请转人工
麻烦转一下人工
我要人工
我要找人工客服
找人工
接人工
有人工吗
叫人工来
真人
找真人
我要真人
找个真人
有真人吗
真人客服在吗
叫个活人来
有人吗
有没有人
有没有人啊
有人在吗
人呢
没人理我
怎么没人回
都没人管吗
转客服
转接客服
找客服
联系客服
客服呢
客服在吗
客服人呢
在线客服有人吗
叫你们经理
叫你们经理来
叫你们老板出来
找你们负责人
我要找店长
让你们主管联系我
给我打电话
给我回电话
打电话给我
请回电
电话联系我
联系我
不要机器人
别用机器人回复我
我不想跟机器人说话
不要自动回复
你是机器人吗
你是真人吗
你是人吗
是机器人吧
破机器人
垃圾机器人
人工智障
能跟人说话吗
找个能说人话的
找个人来
叫个管事的人来
轉人工
轉接客服
帮我转接一下客服
我想和工作人员沟通
能不能换个真人
接客服
客服电话来一个，打给我，人工客服
""".strip().splitlines()

NO_HUMAN = """
how do I change my agent
human hair wig
do you sell human anatomy models
robot vacuum
does the robot vacuum come with a mop
agent provocateur bra
operator manual for the saw
where is my order
can someone else pick up my parcel
can I pay by card
call me Ada
a gift for a person who loves tea
i want a person sized pillow
does it support bluetooth
staff discount
live plants
is the manager's special still on
washing machine
the machine is broken
computer bag
i need to change my order
is anyone allowed to use the code
how do I contact the courier
can anyone use this coupon
when will you ship
I want to return an item
the agent of the courier lost it
""".strip().splitlines()

NO_HUMAN_ZH = """
人工智能音箱
人工草坪
人工湖
人工皮革
真人发假发
真人秀同款
扫地机器人多少钱
机器人玩具有货吗
家里没人签收怎么办
有人说质量不好是真的吗
我的订单在哪里
怎么退货
运费多少
人工费多少
什么时候发货
人工客服工作时间
周末有人吗
客服几点上班
可以开发票吗
""".strip().splitlines()


@pytest.mark.parametrize("words", DANGER + DANGER_ZH)
def test_danger_to_life_and_health_is_heard(words: str) -> None:
    assert guards.in_danger(words)


@pytest.mark.parametrize("words", NO_DANGER + NO_DANGER_ZH + NO_HUMAN + NO_HUMAN_ZH)
def test_what_only_sounds_like_danger_is_not(words: str) -> None:
    assert not guards.in_danger(words)


@pytest.mark.parametrize("words", HUMAN + HUMAN_ZH)
def test_a_wish_for_a_person_is_heard(words: str) -> None:
    assert guards.wants_human(words)


@pytest.mark.parametrize("words", NO_HUMAN + NO_HUMAN_ZH + NO_DANGER + NO_DANGER_ZH)
def test_what_only_sounds_like_a_wish_for_a_person_is_not(words: str) -> None:
    assert not guards.wants_human(words)


@pytest.mark.parametrize("sign", ["\u200b", "\u00ad", "\u2060"])
def test_signs_that_nobody_sees_hide_no_word(sign: str) -> None:
    assert guards.in_danger(f"I want to k{sign}ill mys{sign}elf") and guards.wants_human(f"转人{sign}工")


@pytest.mark.parametrize(
    "text", ["my " * 4000, "a b " * 3000, "is " * 4000, "吃" * 12_000, "gas " * 3000, "i want to " * 1200, "y" * 12_000]
)
def test_a_long_text_is_looked_through_in_a_blink(text: str) -> None:
    began = time.process_time()
    assert not guards.in_danger(text)
    guards.wants_human(text)
    assert time.process_time() - began < 2
