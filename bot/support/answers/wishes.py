"""The wish for a human, as people put it: polite or rude, in full or in one word, in English and in Chinese."""

import re

from bot.support.answers import spelling

_SLIPS = frozenset(
    {
        "person", "someone", "somebody", "anybody", "representative", "operator", "manager", "supervisor", "customer",
        "transfer", "connect", "employee",
    }
)  # fmt: skip
_SOUND = frozenset(
    {"persons", "prison", "parson", "operators", "managers", "managed", "manages", "customers", "custom"}
)
_SHORT_SLIPS = {
    "humen": "human", "humn": "human", "huamn": "human", "hooman": "human", "humman": "human", "humna": "human",
    "hunan": "human", "persn": "person", "preson": "person", "peron": "person", "agnet": "agent", "agant": "agent",
    "angent": "agent", "aget": "agent", "speek": "speak", "spek": "speak", "speack": "speak", "sepak": "speak",
    "tlak": "talk", "takl": "talk", "tak": "talk", "rela": "real", "boss": "boss", "manger": "manager",
    "costumer": "customer", "some1": "someone", "sum1": "someone", "any1": "anyone", "anyl": "anyone", "2": "to",
    "wanna": "want to", "gimme": "give me", "lemme": "let me", "plz": "please", "pls": "please", "u": "you", "r": "are",
    "ppl": "people", "cust": "customer", "svc": "service",
}  # fmt: skip
_WORD = re.compile(r"[a-z0-9']+")

_KIND = r"(?:(?:real|live|actual|human|proper|different|living|breathing|another|senior|flesh and blood) )*"
_HUMAN = (
    r"(?:humans?(?: beings?)?|persons?|people|colleagues?|agents?|representatives?|reps?|operators?|managers?|"
    r"supervisors?|"
    r"bosse?s?"
    r"|staff(?: members?)?|employees?|advis[eo]rs?|associates?|clerks?|team members?|customer (?:service|support|"
    r"care)"
    r"|support team|service team|shop owner|owner)"
)
_SOMEBODY = r"(?:some ?one|some ?body|any ?one|any ?body|humans?|man|woman|guy|lady)"
_OF_GOODS = (  # "a human hair wig", "agent provocateur", "person sized": goods, not people
    r"(?! (?:hair|sized?|shaped|figures?|provocateur|anatomy|skeleton|toys?|costumes?|who|with|i love|i know"
    r"|born|manual|body|made|bag|desk|chair))"
)
_HOURS = re.compile(
    r"\b(?:any|some) ?(?:one|body) (?:there|here|available|working|around)? ?(?:at|on|after|before|during|over|"
    r"until|till)"
    r" (?:\d|the weekend|weekends?|night|noon|midnight|christmas|easter|(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
)
_EN = re.compile(
    "|".join(
        (
            r"\b(?:talk|talking|speak|speaking|spoke|chat|chatting|connect|connected|transfer(?:red)?|write|"
            r"message|discuss\w*)\b"
            r"[^.?!]{0,24}\b(?:" + _HUMAN + "|" + _SOMEBODY + ")" + _OF_GOODS + r"\b",
            r"\b(?:get|give|find|want|need|put|pass|send|bring|like|prefer|require|demand|contact|reach|call|"
            r"ask(?:ing)? for|ask|"
            r"summon|fetch|looking for|through to|over to|help from|hand(?:ed)?(?: me)?(?: over)?)(?: for)?(?: me|"
            r" us| this)?"
            r"(?: through| over| on)?(?: to| with| onto| from)? (?:(?:speak|talk) to )?(?:a|an|the|your|some|any|"
            r"one of your)? ?"
            + _KIND
            + r"(?:human(?: being)?s?|person|agent|representative|rep|operator|manager|supervisor|boss|"
            r"staff member|employee|"
            r"customer (?:service|support|care)(?: \w+)?)(?: please| now| on here| over here| here| asap|"
            r" immediately| on| to|"
            r" in charge|,)?"
            r"(?=\s*(?:$|[.!?,;:)]|and\b|to (?:help|talk|speak|look|assist|answer)|from\b|in charge|who can|"
            r"that can|because|not a|for (?:this|help|my)|"
            r"right now|instead|already|today|about))",
            r"\b(?:real|actual|live|living|breathing|human) (?:person|people|human|humans|agent|agents|advis[eo]r|"
            r"operator|being|support|"
            r"help|assistance|assistant|rep\w*|staff|service|interaction|contact|someone|chat)\b(?! bot)",
            r"\bhuman,? (?:please|now|here|asap|only|needed|wanted|required)\b"
            r"|\b(?:need|want|wants) (?:a )?human\b" + _OF_GOODS,
            r"\b(?:customer service )?representative\b|^(?:hi |hello |hey |please |ok |no |just |a |an |"
            r"the )*(?:agent|agents|human|humans|operator|support"
            r"|person|representative|rep|manager|supervisor|real person|someone|somebody|anyone|anybody|"
            r"customer (?:service|support|care)"
            r"|staff|live chat|help ?desk|escalate)(?: please| now| asap| pls| there| here| help| needed| thanks|"
            r" thank you)*\W*$",
            r"\b(?:is|are|was|isn't|aren't)(?: there)?(?: even| actually| really)? (?:any|some|no)(?: ?body|"
            r" ?one)(?: there| here| out there| home|"
            r" around| real| alive| available| online| on the other| at the other| listening| reading| human| who|"
            r" that| to help| able|\W*$)",
            r"\b(?:is there|are there|isn't there|do you have|have you got) (?:a |an |any )?" + _KIND +
            r"(?:humans?|persons?|people|staff)"
            r"(?: there| here| available| online| working| around| who| that| i can| to (?:talk|speak|help)|\W*$)",
            r"^\W*(?:hello|hi|hey)?\W*(?:any|some)(?: ?body| ?one)(?: there| here| home| around| alive| at all)?\W*$",
            r"\b(?:any|some) ?(?:one|body) (?:there|home|alive)\b|\bwho can i (?:talk|speak|turn|complain) to\b",
            r"\b(?:can|could|will|would|may|please have|have|let|get|want|need|ask|tell|"
            r"make)(?: i)? (?:some ?(?:one|body)|any ?(?:one|body)|a colleague|"
            r"a manager|your (?:manager|boss|colleague|team))(?: there| else| real| at your shop|"
            r" from \w+(?: \w+)?)?(?: please| just| actually| ever| to| that)? "
            r"(?:(?:call|answer|respond|reply|contact|talk|speak|phone|ring|get back|take over|read)\b|(?:help|"
            r"assist)(?: me| us)?(?: out)?(?: please| here| now)*\W*$)",
            r"\b(?:some ?one|any ?one|some ?body|any ?body) (?:please )?(?:help|answer|call|respond|reply|"
            r"contact) (?:me|us|please|now)\b"
            r"|\b(?:some ?one|some ?body) (?:please )?(?:help|answer|reply|respond)\W*$|\bsome ?(?:one|"
            r"body) (?:real|human|in charge|competent|"
            r"with a (?:brain|pulse)|who (?:can|knows|understands|is not|isn't|actually|speaks))",
            r"\b(?:are|r) (?:you|u)(?: even| actually| really| just)? (?:a |an )?(?:real|human|bot|robot|machine|"
            r"ai|chat ?bot|person|computer|"
            r"automated)\b|\b(?:am i|i'm|i am) (?:talking|speaking|chatting|writing) (?:to|with) (?:a |"
            r"an )?(?:real|human|bot|robot|machine|ai|"
            r"person|computer|wall|chat ?bot)|\bis this (?:a |an )?(?:bot|robot|machine|real person|human|ai|"
            r"automated|chat ?bot)\b"
            r"|\bthis is (?:just )?(?:a |an )?(?:bot|robot|machine|chat ?bot)\b",
            r"\b(?:do not|don't|dont|not|never|no longer|without|instead of|rather than|no|hate|sick of|tired of|"
            r"fed up with|enough of|enough with|"
            r"stop with|stop|quit|off) (?:\w+ )?(?:want |need |like )?(?:(?:to )?(?:talk|speak|chat|deal|"
            r"write)(?:ing)? (?:to|with) )?(?:a |an |the |this |your |"
            r"these |any |more |stupid |dumb )*(?:bots?|robots?|machines?(?! wash)|chat ?bots?|"
            r"computers?(?! (?:bag|desk))|ai(?: answers?)?|automated (?:\w+)|"
            r"automatic (?:repl\w+|answers?|messages?)|canned (?:\w+))\b(?! (?:vacuum|cleaner|mop|mower|lawn|toy|"
            r"kit|hoover|washable|embroidery|made|oil|costume))",
            r"\b(?:stupid|useless|dumb|bloody|damn|damned|fucking|idiotic|annoying|crap|shit|shitty|silly|"
            r"worthless|terrible|awful) (?:chat ?)?(?:bots?|robots?|"
            r"machines?|ai|computer)\b(?! vacuum)|\bfuck (?:this|the|your|off) ?(?:bot|robot|machine|"
            r"ai)?\b.{0,12}(?:bot|robot|human|person)|"
            r"\b(?:bot|robot|chatbot) (?:is|are|you're|you are) (?:so |totally |completely )?(?:useless|stupid|"
            r"dumb|no help|not help\w*|rubbish|garbage)",
            r"\b(?:call|phone|ring|telephone) me(?: back)?(?: please| now| asap| today| tomorrow| on| at| when|"
            r" as soon| right| immediately| this| about|"
            r" if| in| because| urgently| later| back)*(?:\W|$)(?! ?[a-z]*(?:crazy|old|picky|by))(?<!call me )",
            r"\bgive me a (?:call|ring|buzz)\b|\b(?:request|want|need|like|arrange|schedule|get) (?:a |"
            r"your )?(?:call ?back|phone ?call|call)\b(?! (?:center|centre|of duty))|^call ?back\W*$"
            r"|\b(?:can|could|may|how (?:can|do)) i (?:call|phone|ring|telephone|reach) (?:you|someone|somebody|"
            r"anyone|a person|customer|the shop|support)\b",
            r"\blet me (?:talk|speak)\b|\b(?:(?:connect|transfer|forward|redirect|patch) (?:me|us)|(?:escalate|"
            r"transfer|forward) (?:this|my (?:case|chat|call|ticket|request|issue|complaint)|it)|"
            r"put (?:me|us) (?:through|over|on))(?: through| over| up)?(?: to| please| now| with|"
            r"\W*$)(?! (?:a (?:paypal|pay pal|bank|card)|my |the (?:cart|basket|bank)|account))|\bescalat(?:e|"
            r"ion)\b(?! clause)|\blive (?:chat|agent|support|person|help|operator)\b",
            r"\b(?:customer (?:service|support|care)) (?:please|now|agent|rep\w*|line|person|team|member|staff)\b|"
            r"\b(?:your|the|a) (?:manager|supervisor|boss)(?: please| now|\W*$)"
            r"|\bwhere (?:is|are) (?:the |your )?(?:humans?|staff|people|real people|customer (?:service|support))\b",
        )
    )
)  # fmt: skip

_NO_PERSON_ZH = re.compile(
    r"人工(?:智能|草|湖|皮|革|授粉|降雨|呼吸|费|合成|耳蜗|关节|水晶|色素|香|宝石|珍珠|钻|培育|养殖|水草|骨|心脏|"
    r"晶|受孕|流产|翻译|成本|制造|种植|石|树|花|泪|奶|鱼|饵|雪|缝|打磨|雕|糖|甜)"
    r"|(?:周末|[周週星][一二三四五六日天期]|礼拜|晚上|早上|凌晨|夜里|几点|[\d一二三四五六七八九十两]点半?|节假日|"
    r"假期|过年|春节|国庆).{0,5}有(?:没有)?人"
    r"|(?:人工)?客服的?(?:工作|上班|在线|服务|营业)?时间|(?:人工)?客服几点"
    r"|真人(?:秀|CS|cs|大小|版|尺寸|实拍|模特|穿|上身|头?发|图|照|比例|手办|睫毛|试|出镜|拍)|(?:扫地|拖地|擦窗|"
    r"炒菜|玩具|乐高|编程|积木|变形|陪伴|早教|割草|泳池|洗地|智能)机器人(?:玩具|模型)?"
    r"|机器人(?:玩具|模型|吸尘器|积木|扫地)|有人(?:说|用过|买过|评价|推荐|告诉|送|签收|代收|偷|过敏)|"
    r"家里?(?:有没有|没)有?人"
)
_ASKS_ZH = (
    r"(?:转接|转到|转|找|要|接|呼叫|叫|换|联系|请|给我|需要|想|有没有|有|来|进入|切换|切到|切|求|点|走|跟|"
    r"和|与|让|派|安排|上|是不是|是|不是)"
)
_ZH = re.compile(
    "|".join(
        (
            _ASKS_ZH
            + r"(?:一?[个下位名]|到|给|我|你们|的|换|接|来|成|去|一下|在线|个|真正的|和|跟|聊|说话|处理)*(?:人工|"
            r"真人|活人)(?!费)",
            r"^(?:请|我|亲|您好|你好|麻烦|急|快|在吗|,|,|\W)*(?:人工|真人|活人|客服)(?:呢|在吗|在不在|啊|呀|吧|"
            r"谢谢|请|快|急|[!。~?,\s]|来|快点|出来|服务|客服|在线)*$",
            r"人工(?:客服|服务|坐席|座席|台|处理|回复|咨询|在吗|呢|吧|啊|在线|接待|帮|来|解答|热线|电话|介入|沟通|"
            r"对话|通道|客户|审核一下|查一下)|真人(?:客服|服务|回复|聊|在吗|吗|处理|接|回|跟|和我|对话|沟通)"
            r"|轉人工|轉接|轉客服|人工客服|真人客服|^轉",
            r"有(?:没有?|沒有?)?(?:个)?人(?:在)?(?:吗|么|嘛|嗎|没有?|不|啊|呢(?!有))|有(?:没|沒)有人(?:在|管|理|"
            r"回|能|可以|帮|接|啊|呀|呢|\W*$)|有人(?:在|能|可以|管|理|回|帮)(?!用|穿)"
            r"|(?:^|[,。!?\s在])人呢|人都?(?:去哪|死哪|跑哪)|没(?:有)?人(?:理|管|回|在|吗|啊|接|答|处理|帮)|"
            r"怎么没人|都没人",
            r"(?:转接|转|找|联系|叫|呼叫|换|接|要|请|连接|连线|接入|帮我找|喊|跟|和)(?:一?[个下位名]|到|给|我|"
            r"你们|的|在线|人工|真人|官方|售后|售前|一下)*(?:客服|售后(?!服务卡)|客户服务)(?:人员|专员|小姐姐|"
            r"小哥|妹妹)?(?!电话是)"
            r"|客服(?:在吗|在不在|人呢|呢|在哪|来|出来|死哪|快|小姐姐|人员|都?不在|怎么不|为什么不|回复|回我|"
            r"怎么联系|怎么找)",
            r"(?:叫|找|要|跟|和|联系|请|让|喊|换|转|给我)(?:一?[个下位]|你们?|你们的|你的|的|店里|一下|我|"
            r"那个)*(?:经理|老板|领导|负责人|主管|店长|管事的?|工作人员|专员|店主|掌柜|上级|店家|卖家|商家)(?!推荐)"
            r"|(?:经理|主管|负责人)(?:来|出来|在吗|呢|电话)",
            r"(?:给我|回我|跟我|能不能|可以|可否|麻烦|请|帮我|尽快|马上)(?:们)?(?:给我|个|一个|尽快|回|打|来|"
            r"请)*(?:回个?电话?|打个?电话?|来个?电话?|回电|致电|通个?电话|电话联系)|(?:打|回)(?:个)?电话(?:给我|"
            r"过来)|电话联系我|联系我(?:一下|吧|谢谢|,|\W*$)"
            r"|(?:想|要|可以|能|怎么)(?:给你们)?(?:打电话(?:给你们|找|问)|电话沟通|电话联系)",
            r"^是(?:个|一个|不是)?机器人(?:吗|吧|嘛|么|\W*$)|(?:不要|不想|别|不|不用|拒绝|受够了?|烦死|讨厌|少|"
            r"停止)(?:再)?(?:要|想|用|拿|给我|发|让|跟|和|"
            r"与)*(?:你们的|这个|那个|什么|你这|这种|破|傻|和)*(?:机器人(?!了?吸)|机器|智能客服|自动回复|ai|模板|"
            r"复读机)(?:聊|说话|对话|回复|回|敷衍|糊弄|打发|跟我|了|客服|[,。!?\s]|$)"
            r"|(?:你|您|对面|这|对方)(?:到底|究竟)?(?:是|是不是)(?:个|一个|不是)*(?:机器人?|真人|人|ai|活人|人工|"
            r"自动回复)(?:吗|吧|还是|嘛|么|\W*$)|(?:破|垃圾|傻|智障|烂|蠢|死|弱智|"
            r"人工智障)(?:逼)?机器人?(?:客服)?|人工智障",
            r"(?:能|可以|可不可以|能不能|我想|我要|想|要|让我)(?:找|跟|和|与)(?:个|一个|你们)*(?:人|活的|客服|"
            r"懂的人|工作人员|谁)(?:说|聊|谈|沟通|问|讲|处理|解决|吗|\W*$)|(?:找|来|叫|派|给我|换)(?:一?个|"
            r"一位)(?:能|会|懂|活)?(?:说人话|喘气|办事|管事|处理|解决|的|事)*的?人(?!造)(?:来|吧|啊|处理|说|聊|"
            r"解决|\W*$)|说人话",
        )
    )
)  # fmt: skip


def is_told(raw: str) -> bool:
    """Somebody asks for a person in so many words."""
    text = _HOURS.sub(" ", spelling.plain(raw))
    mended = spelling.mended(_WORD.sub(lambda found: _SHORT_SLIPS.get(found[0], found[0]), text), _SLIPS, _SOUND)
    if _EN.search(text) is not None or _EN.search(mended) is not None:
        return True
    return _ZH.search(_NO_PERSON_ZH.sub(" ", spelling.joined(text))) is not None
