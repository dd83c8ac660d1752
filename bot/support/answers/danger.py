"""Words of danger to life and health: such a message must reach a person at once, and no machine may answer it.

In doubt it is danger: a ticket too many costs a minute. What only sounds like it (`choking hazard`, `跳楼价`) is taken
out first.
"""

import re

from bot.support.answers import spelling

_SLIPS = frozenset(
    {
        "suicide", "suicidal", "ambulance", "swallowed", "allergic", "anaphylactic", "electrocuted", "unconscious",
        "hospital", "overdose", "poisoning", "emergency", "breathing", "explosion",
    }
)  # fmt: skip
_SOUND = frozenset({"hospitals", "explosive", "emergence"})

_ONE = (
    r"(?:i|me|we|us|he|him|she|her|they|them|you|someone|somebody|people|person|customer|neighbou?r|friend|guest"
    r"|baby|infant|toddler|child|children|kids?|boy|girl|son|daughter|grand(?:son|daughter|child|ma|pa|mother|father)"
    r"|wife|husband|partner|girlfriend|boyfriend|mother|mom|mum|mummy|father|dad|daddy|brother|sister|twins?"
    r"|puppy|dog|cat|kitten|pet)"
)
_SELF = r"(?:myself|himself|herself|themselves|themself|yourself|ourselves)"
_WHOSE = r"(?:my|his|her|our|their|your|the baby's|the child's|my \w+'s)"
_BODY = (
    r"(?:hands?|fingers?|thumb|arms?|wrists?|legs?|foot|feet|toes?|knees?|face|eyes?|lips?|mouth|tongue|throat|gums?"
    r"|head|neck|scalp|skin|chest|back|stomach|belly|ears?|nose|hair|palms?|body)"
)
_DEVICE = (
    r"(?:batter(?:y|ies)|power ?banks?|chargers?|adapt[eo]rs?|plugs?|sockets?|outlets?|cables?|cords?|wires?|heaters?"
    r"|heating pads?|(?:electric )?blankets?|kettles?|irons?|toasters?|lamps?|bulbs?|lights?|phones?|laptops?|"
    r"tablets?"
    r"|scooters?|e-?bikes?|vapes?|hoverboards?|microwaves?|ovens?|stoves?|fryers?|dryers?|devices?|machines?|toys?"
    r"|straighteners?|curlers?|humidifiers?|candles?)"
)
_THING = rf"(?:{_DEVICE}|it|this thing|the thing|unit|item|product)"
_SMALL = (
    r"(?:button|coin|batter(?:y|ies)|magnets?|beads?|coins?|marbles?|glue|detergent|bleach|cleaner|silica|gel"
    r"|water beads|pills?|tablets?|medicine|oil|glass|plastic|paint|chemicals?|screws?|needles?|nails?|pieces?|parts?"
    r"|poison|perfume|nail polish|acetone|acid|lighter fluid|soap|pods?)"
)
_FOOD = (
    r"(?:food|meal|chocolates?|cookies?|biscuits?|bread|cakes?|tea|coffee|drinks?|jam|yogh?urt|milk|sauce|soup|"
    r"snacks?"
    r"|cand(?:y|ies)|sweets|cereals?|formula|noodles|rice|salad|meat|pasta|nuts|honey|cheese|mouth|throat|foot|feet"
    r"|hands?|fingers?|eyes?)"
)

_HARMLESS = re.compile(
    r"\b(?:atms?|machines?|printer) (?:\w+ )?swallowed\b|swallowed (?:by|up)\b|blown up (?:to|photo|image|picture|"
    r"print)"
    r"|chok(?:ing|e) (?:hazards?|risks?|points?|chains?|collars?|proof|warnings?)|suicide squad"
    r"|\bkiller (?:deals?|prices?|offers?|looks?|heels|app|queen|whale)|killing (?:it|time)|(?:is|are|'s) killing me"
    r"|to die for|dying (?:to|for)\b|fire (?:tv|stick|hd|pit|sale|place|proof|resistan\w+|retardant|"
    r"extinguishers?|alarms?"
    r"|safety|blankets?|trucks?|engines?|emoji|starters?|opal|red|max|rated?|doors?|hose|hydrants?|work\w*)"
    r"|fire(?:place|fly|flies|works?|proof|wall|fox|stick|pit|wood)s?|(?:sale|deal|price|look|outfit|drip|mixtape)s?"
    r" (?:is|are|was) on fire|smoke (?:detectors?|alarms?|gr[ea]y|colou?r|free|glass|machines?|bombs?|black|blue)"
    r"|smoking (?:jackets?|pipes?|deals?|hot)|(?:non|no)[- ]smok\w+|smoke-free|exploded (?:views?|diagrams?|"
    r"drawings?)"
    r"|bath bombs?|shower bombs?|(?:toy|lego|playmobil|wooden|model|die-?cast) ambulances?"
    r"|ambulances? (?:toys?|sets?|cars?|costumes?|lego|models?|playsets?|figures?|stickers?)"
    r"|carbon monoxide (?:detectors?|alarms?|sensors?|monitors?|testers?)|shock (?:absor\w+|proof|resistan\w+)"
    r"|first aid kits?|emergency (?:kits?|lights?|exits?|blankets?|lamps?|radios?|food|contacts?)"
    r"|bleeding (?:edge|hearts?)|(?:colou?rs?|dye|ink|pen|marker) (?:is |are |was |keeps? )?(?:bleed\w*|bled)"
    r"|burn (?:time|rate|in test)|calorie burn\w*|slow[- ]burn\w*|wood[- ]burn\w*|clean[- ]burn\w*"
    r"|burnt (?:orange|sienna|umber|red|caramel|sugar)|glass (?:jars?|bottles?|bowls?|containers?|cups?|straws?)"
    r"|drowning in (?:e-?mails?|work|debt|messages|paperwork)|(?:paint|brush|key|butter|back)[- ]?strokes?"
    r"|heart attack (?:grill|burger)|food poisoning insurance|stitches per|poison ivy|gun ?metal|glue guns?|"
    r"nerf guns?"
    r"|knife (?:blocks?|sets?|holders?|sharpeners?|rolls?|racks?)"
    r"|blow(?:s|ing)? up (?:mattress|beds?|pools?|dolls?|balloons?|sofas?|boats?|the (?:photo|picture|image|balloon))"
)
_EN = re.compile(
    "|".join(
        (
            # their own life
            r"suicid\w*|\bkill(?:ing|ed)? " + _SELF,
            r"\b(?:end(?:ing)?|take|taking|took) " + _WHOSE + r" (?:own )?life\b|\bend(?:ing)? it all\b",
            r"\b(?:want(?:s|ed)?|wish(?:es)?|wanna|going|gonna|ready|rather|like) (?:to |i was |i were )?(?:die|"
            r"dead)\b",
            r"\b(?:(?:do not|don't|dont|doesn't|didn't|no longer|not) want|tired of|no reason|nothing) (?:to )?"
            r"(?:live|living|be alive|be here any ?more|exist)\b(?! (?:in|with|at|near|on|streams?|chat))",
            r"\bself[- ]?harm\w*|\b(?:hurt|harm|cut|burn|hang|poison|shoot|starv|stab|injur)(?:t?ing|e|ed)? " + _SELF,
            r"\bbetter off dead\b|\bjump(?:ing)? (?:off|from) (?:a|the|my) (?:bridge|roof|building|balcony|window|"
            r"cliff)",
            r"\boverdos\w+|\bcan(?:'t|not|t| not) go on (?:living|any ?more|like this)",
            # breath, throat, what was swallowed
            r"\b(?:can(?:'t|not|t| not)|could(?:n't|nt| not)|hard(?:ly)?|barely|struggl\w+|trouble|difficulty|unable|"
            r"problems?|stopped|not|isn't|gasping)(?: to| for)? breath(?:e|ing)?\b|\bshort(?:ness)? of breath",
            r"\bchok(?:ing|ed|es)\b|\bsuffocat(?:ed|ing|es)\b|\bstrangl\w+|\bdrown(?:ed|ing)\b",
            r"\bswallow(?:ed|ing|s)\b(?! (?:my|the|our) (?:card|money|payment|coupon))",
            r"\b(?:swallow|ate|eaten|eating|eats|drank|drunk|drinking|ingest(?:ed|ing)?|inhal(?:ed|ing))\b.{0,25}\b"
            + _SMALL
            + r"\b",
            r"\b" + _SMALL + r"\b.{0,25}\b(?:stuck |lodged |is |went )?(?:in|up|down) " + _WHOSE
            + r" (?:mouth|nose|throat|stomach|ear|windpipe|airway)",
            # allergy, poison, collapse
            r"\ballergic (?:reactions?|shock|rash|swelling|response|attack)|\banaphyla\w+|"
            r"\bepi-?pens?\b.{0,20}\b(?:used?|"
            r"need|gave|now)|\b(?:throat|tongue|lips?|face|eyes?|airways?)\b.{0,15}\b(?:swell(?:ing|ed)|swollen|"
            r"closing|"
            r"swelling up)|\bbroke out in (?:hives|a rash|welts)|\b(?:bad|severe|terrible|serious|"
            r"strong) (?:skin )?reaction",
            r"\bpoison(?:ed|ing)\b|\b(?:toxic|chemical|gas|strong) fumes\b|\bfumes\b.{0,25}\b(?:dizzy|sick|breath|"
            r"faint)",
            r"\bcarbon monoxide\b|\bco alarm (?:is|went|goes) (?:going )?off",
            r"\bunconscious\b|\b(?:pass(?:ed|ing)|black(?:ed|ing)) out\b|\bfaint(?:ed|ing)\b|\blos(?:t|"
            r"ing) consciousness"
            r"|\b" + _ONE + r" (?:has |have |just )?collapsed\b|\b(?:having|had|has) (?:a |an )?(?:seizures?|"
            r"convulsions?|"
            r"heart attack|stroke)\b|\bseizures?\b.{0,15}\b(?:after|now)\b|\bchest pains?\b|\bunresponsive baby|"
            r"\bnot responsive\b|\bwon't wake up\b(?! call)",
            r"\b" + _ONE + r"(?: is| are| was| were|'s| started| has been| keeps?| kept| been| am|'m)? "
            r"(?:vomit(?:ing|ed)|throwing up|threw up)|\bvomiting blood",
            # burns, fire, smoke, current, gas
            r"\bburn(?:ed|t|s|ing)? (?:" + _WHOSE + r" |a hole in my |both (?:my )?)?(?:whole |left |right |"
            r"entire )?" + _BODY
            + r"\b(?! (?:fat|calories))",
            r"\bburn(?:ed|t|s)? (?:me|him|her|us|them)\b|\b(?:got|was|were|been|getting|badly|severely) burn(?:ed|"
            r"t)\b"
            r"(?! (?:out|by the price|orange))|\b(?:has|have|had|got|with|suffered|from) (?:\w+ )?burns\b"
            r"|\bburns (?:on|to|all over) " + _WHOSE + r"|\b(?:first|second|third|1st|2nd|3rd)[- ]degree|"
            r"\bchemical burns?|"
            r"\bscald(?:ed|ing)? (?:" + _SELF + "|me|him|her|" + _WHOSE + ")",
            r"\b" + _WHOSE + " " + _BODY + r" (?:\w+ ){0,2}(?:burn(?:s|ing|t|ed)?|on fire|blister\w*)\b",
            r"\bburn(?:ing|t|ed)? (?:smell|plastic|odou?r|rubber|wires?)|\bsmell\w*\b.{0,15}\b(?:burn(?:ing|t)|"
            r"smoke|fire)\b",
            r"\b(?:caught|catch|catches|catching|cought)(?: on)? fire\b|\b(?:on|set) fire\b|\bin flames\b|"
            r"\bwent up in flames"
            r"|\b(?:house|kitchen|electrical|battery|small|big|a|huge|the) fire (?:broke|started|start|in|at|is|"
            r"was|now|at)\b"
            r"|\b(?:started|caused|causing|starts|there(?:'s| is| was)) (?:an? |the )?(?:\w+ )?fire\b"
            r"|\bfire (?:department|brigade|fighters?|service|men)\b|\b(?:saw|see|seeing|with|big|huge) flames\b|"
            r"^fire\W*$|\bfire!"
            r"|\bburn(?:ed|t|ing|s)? (?:down|my house|the house|our house|my kitchen|my flat)",
            r"\b" + _THING + r"(?:'s| is| are| was| were)?(?: \w+){0,3} (?:on fire|burning|burn(?:t|ed) (?:up|"
            r"out)? ?(?:in|while|and)|"
            r"smok(?:es|ed|ing)|overheat(?:s|ed|ing)?|melt(?:s|ed|ing)|spark(?:s|ed|ing)|swell(?:ing|ed)|swollen|"
            r"bulg(?:es|ed|ing)|"
            r"hiss(?:es|ed|ing)|leak(?:s|ed|ing) acid|explod(?:es?|ed|ing))\b",
            r"\b" + _DEVICE + r"(?:'s| is| are| was| were)?(?: \w+){0,3} (?:very|so|too|extremely|really|dangerously|"
            r"burning) hot\b(?! for)",
            r"\b(?:overheat(?:ed|ing)|swollen|bulging|leaking|melt(?:ed|ing)|hissing|sparking|smoking|burning|"
            r"exploding) (?:\w+ )?"
            + _DEVICE
            + r"\b",
            r"\bspark(?:s|ed)? (?:came|coming|come|flew|fly|flying|out|everywhere|from)\b|\b(?:saw|shooting|"
            r"throwing) sparks\b",
            r"\b(?:start(?:s|ed)?|beg[au]n|keeps?|kept)(?: to)? smok(?:e|ing)\b|\bsmok(?:e|ing) (?:is |was |"
            r"started )?"
            r"(?:coming|came|comes|pouring|pours|rising|rose|billow\w*|everywhere|filled|out of|from)\b"
            r"|\b(?:saw|see|seeing|lots? of|so much|full of|filled with|inhal\w+|giving off|emit\w*|there(?:'s|"
            r" is| was)) "
            r"(?:\w+ ){0,2}smoke\b",
            r"\bexplo(?:ded|des|ding)\b|\b(?:can|could|may|might|will|would|gonna|to) explode\b|\bexplosions?\b"
            r"|\b(?:blew|blown|blows?|blowing) up\b(?! on (?:me|tiktok|twitter|instagram|social))",
            r"\belectric(?:al)? shocks?\b|\belectrocut\w*|\b(?:gave|giv(?:es?|ing)|gets?|got|getting|received|had)"
            r"(?: (?:me|him|her|us|them|" + _WHOSE + r" \w+))? (?:an? |\w+ )?(?:(?:bad|big|nasty|electric|small|"
            r"mild|huge|static) )?"
            r"shock\b(?!.{0,25}\b(?:price|bill|invoice|cost|saw|see|when i))|\b(?:it|plug|charger|lamp|cable|"
            r"device|machine|kettle) "
            r"(?:shocked|shocks|zapped|zaps) (?:me|him|her|us|my|our)|\bgot (?:shocked|zapped) (?:by|from|when|"
            r"touching)",
            r"\b(?:smell\w*|leak\w*|odou?r)\b.{0,15}\bgas\b|\bgas\b.{0,12}\b(?:leak\w*|smell\w*|odou?r|poisoning)\b",
            # wounds
            r"\b(?:glass|metal|needles?|razors?|blades?|shards?|splinters?|wire|nails?|screws?|staples?|"
            r"plastic)\b.{0,20}"
            r"\b(?:in|inside|into|through) (?:(?:my|the|our|his|her|this|your|their|a) )?(?:[\w']+ )?" + _FOOD +
            r"\b",
            r"\bb(?:it|itten|iting) (?:on|into|down on) (?:a |some )?(?:\w+ )?(?:of )?(?:glass|metal|plastic|"
            r"stone|screw|nail)",
            r"\bbleed(?:s|ing)\b|\bbled\b|\b(?:covered in|lots? of|so much|losing|lost|cough\w+(?: up)?|"
            r"throwing up|spit\w+"
            r"|full of|there(?:'s| is| was)|blood|everywhere) (?:\w+ ){0,2}blood\b|\bblood (?:everywhere|all over|"
            r"is|was|came|coming)\b",
            r"\b(?:cut|cuts|sliced|slashed|gashed|pierced|stabbed|crushed|broke|fractured|injured|scratched|"
            r"pinched|trapped|"
            r"jammed|scalded) (?:open )?" + _WHOSE + r" (?:\w+ ){0,2}" + _BODY + r"\b",
            r"\b(?:and|it|they|has|have) hurt " + _WHOSE + r" (?!feet|toes?|back|ears|feelings)(?:\w+ )?" + _BODY +
            r"\b",
            r"\b(?:got|was|were|been|get|badly|seriously|is|are|being|really) (?:hurt|injured|wounded|cut by|"
            r"cut on|impaled|crushed)\b"
            r"(?! (?:by|that|when|to|because) (?:your (?:reply|answer|response|words|tone)|you ignored))"
            r"|\binjur(?:ed|ing|es) (?:" + _ONE + "|" + _SELF + "|" + _WHOSE + r")|\b(?:serious|bad|severe|head|"
            r"eye) injur(?:y|ies)",
            r"\b(?:need(?:s|ed)?|got|had|gets?)(?: to (?:get|have))?(?: (?:\d+|some|a few|several))? stitches\b|"
            r"\bbroken bones?\b"
            r"|\bcut (?:on|by) (?:the |a |your )?(?:broken |sharp |shattered )?(?:glass|blade|edge|metal|shards?)",
            r"\b(?:fell|collapsed|tipped|dropped|landed) (?:over )?(?:on|onto) (?:" + _WHOSE + r" )?" + _ONE + r"\b",
            # the last signs
            r"\bambulances?\b|\bparamedics?\b|\bcall(?:ed|ing)? (?:911|999|112|000|120)\b|\bmedical emergenc\w+",
            r"\b(?:am|is|are|was|were|been|be|ended up|land(?:ed)?|had to go|went|go|going|gone|rush(?:ed|ing)|"
            r"taken|took|admitted|"
            r"brought|lying|stay(?:ing|ed)?|i'm|he's|she's|we're|now|still|straight|" + _ONE + r") (?:(?!deliver|"
            r"ship|sent|send|post|"
            r"bought|work|volunteer|nurse|doctor|visit|appoint)\w+ ){0,3}?(?:in|to|at|into)(?: the| a|"
            r" an)? (?:hospital|icu|"
            r"intensive care|emergency room|e\.?r\b|a&e|burns? unit)(?! (?:shop|address|reception|gift|entrance|"
            r"department store))",
            r"\bhospitali[sz]ed\b|\b(?:is|are|am|i'm|he's|she's) dying\b(?<!phone is dying)(?<!battery is dying)"
            r"|\b(?:could|might|may)(?: have|'ve)? (?:die|died|kill|killed)\b(?! (?:in|on) (?:me|us|the middle|"
            r"an? hour))"
            r"|\b(?:almost|nearly) (?:died|killed)\b|\b(?:going|gonna) (?:to )?die\b",
            # violence
            r"\bthreaten(?:ed|ing|s)? (?:me|us|him|her|my|our|to (?:kill|hurt|beat|shoot|stab|hit|burn|rape|come)|"
            r"with)\b",
            r"\b(?:kill(?:ed)?|murder(?:ed)?|stab(?:bed)?|shoot|shot|strangle|beat(?:en)? up) (?:you|him|her|them|"
            r"us|my|someone|somebody|"
            r"people|everyone|everybody|all of)\b(?! (?:a|an|the) (?:message|mail|e-?mail|text|line|time|note))"
            r"|\b(?:going to|gonna|will|wants? to|i'll|he'll|tr(?:ied|ying) to|he|they) (?:kill|murder|stab|shoot|"
            r"rape|beat) me\b",
            r"\b(?:sexually |physically |verbally )?(?:assault(?:ed|ing)?|attack(?:ed|ing|s)?|rap(?:ed|ing)|"
            r"molest\w*|grop(?:ed|ing)) "
            r"(?:me|him|her|us|by|my)\b|\b(?:was|been|being|got) (?:assaulted|attacked|raped|beaten|stabbed|shot|"
            r"kidnapped|mugged|groped)\b"
            r"|\b(?:hits?|beats?|beating|punch(?:ed|es)|slapped|pushed|grabbed|choked) me\b|\bhostage\b|"
            r"\bkidnap\w*|\bdomestic violence"
            r"|\bbomb (?:threat|in|at)\b|\bplant(?:ed)? a bomb\b|\b(?:has|had|pulled|holding|with) a (?:gun|"
            r"knife)(?: (?:at|to|and|out)\b|\W*$)",
            # a call for help
            r"\bhelp(?: me)?,? (?:i(?:'m| am)|he(?:'s| is)|she(?:'s| is)|my \w+ is) (?:dying|hurt|trapped|bleeding)\b"
            r"|\b(?:life or death|life[- ]threatening|danger to life)\b|\b" + _ONE + r" (?:is |are |was |were |"
            r"got |am )?(?:trapped|stuck) (?:in|inside|under) (?!traffic|the warehouse|customs|the app)",
        )
    )
)  # fmt: skip

_HARMLESS_ZH = re.compile(
    r"跳楼(?:价|大?甩卖|促销|大?减价)|大出血(?:价|甩卖|促销|清仓)?(?=价|甩|促|清|[!！])|想死(?:你|它|我)了|急死|"
    r"笑死|累死|热死|气死|烦死|爱死"
    r"|爆炸(?:盐|糖|头|价|优惠|贴|性)|(?:心态|气|要|肺都?气)炸了|炸了锅|空气炸锅|浴?盐?炸弹(?:皂|球|浴)|(?:泡澡|"
    r"浴盐|沐浴)炸弹|秒杀|杀价|必杀"
    r"|(?<![着著起失走冒])火(?:锅|爆|箭|龙果|热|腿|鸡|影|车|星|山)|灭火器|防火|耐火|阻燃|烟雾?(?:报警|探测|"
    r"感应)器?|煤气(?:灶|罐|"
    r"报警器|检测)|燃气(?:灶|热水器|报警器|检测)"
    r"|天然气(?:灶|热水器|报警器|检测)|一氧化碳(?:报警|检测|探测)|急救(?:包|箱|毯)|救护车(?:玩具|模型|积木)|"
    r"玩具救护车|救命(?:恩人|稻草)|防(?:触电|漏电|烫伤|窒息|噎)"
    r"|漏电(?:保护|开关)|电击(?:棒|枪)|过敏(?:体质|肌|源|皮)|(?:会不会|会|容易|不会|怕|是否|有没有人|防|抗)过敏|"
    r"玻璃(?:杯|瓶|罐|碗|锅|桌|门)|人工呼吸"
    r"|中毒(?:太深)|火花塞|医院(?:上班|工作|门口|附近|地址|收货|旁)"
)
_WHO_ZH = (
    r"(?:手指?|胳膊|手臂|脸|脚|腿|头|眼睛?|嘴|舌头?|喉咙|皮肤|身上|孩子|小孩|宝宝|儿子|女儿|娃|我|他|她|人|"
    r"妈|爸|老人|老婆|老公|奶奶|爷爷|狗|猫)"
)
_HURT_ZH = r"(?:[划割扎刺砸夹压弄磕撞摔烫咬炸](?:伤|破|到|断|流血)|受伤|骨折|出血|流血)"
_THING_ZH = (
    r"(?:电池|充电[宝器]|充电线|插[头座排]|电源|电线|手机|电脑|电热[毯水]|暖手宝|热水[袋器]|电[灯饭壶]|灯|"
    r"机器|产品|电器|玩具|平衡车|电动车|适配器|吹风机|取暖器|它)"
)
_SMALL_ZH = (
    r"(?:电池|纽扣|磁[铁珠力]|珠子|干燥剂|洗衣|洗洁|清洁剂|消毒|漂白|玻璃|塑料|硬币|弹珠|零件|农药|胶水|"
    r"水晶泥|香水|酒精|螺丝|图钉|针)"
)
_ZH = re.compile(
    "|".join(
        (
            r"自[杀殺]|自尽|自盡|轻生|輕生|寻死|不想活|活不下去|不想再活|活着没意思|活着没有意义|想死|去死算了|"
            r"死了算了|不如死|结束.{0,4}生命|了结.{0,3}(?:自己|生命)"
            r"|自残|自殘|自伤|割腕|跳[楼樓河江]|上吊|服毒|喝农药|烧炭自|吞.{0,4}安眠药|吃.{0,5}安眠药|遗书|伤害自己",
            r"[过過]敏(?:反应|反應|性休克|休克|了|得|起|红肿|送|住|发作|很?严重)|严重过敏|(?:用|吃|涂|擦|喝|戴|"
            r"穿)(?:了|完|过|后).{0,8}过敏"
            r"|起了?(?:很多|好多|全身)?(?:红疹|疹子|荨麻疹|水泡)|(?:脸|嘴唇?|眼睛|喉咙|舌头).{0,3}(?:都)?肿",
            r"呼吸(?:困难|困難|不了|不上|不过来|急促)|[喘透](?:不过|不上)来?气|(?:无法|不能|没法|没办法)呼吸|窒息|"
            r"噎[到住着]|呛[到住]"
            r"|卡(?:在|住|到)?了?.{0,3}(?:喉咙|喉嚨|嗓子|气管|食道|鼻子|耳朵)|(?:喉咙|嗓子|气管|鼻子|"
            r"耳朵)里?.{0,2}[卡塞]|卡喉",
            r"误[吞食服饮吸]|誤[吞食服]|吞(?:了|下|进|食)|咽下|(?:吃|喝|吸|咽|舔)(?:了|下|进|到|"
            r"掉)?(?:去)?(?:了)?.{0,6}" + _SMALL_ZH
            + r"(?!吗|么|杯|瓶|罐)|" + _SMALL_ZH + r".{0,6}(?:[吃喝吞咽]了|[吃喝吞咽](?:下|进|掉))",
            r"[烫燙灼][伤傷]|烧伤|燒傷|烫到|被烫|烫[起出]?了?[水大]?泡|起泡了.{0,4}(?:手|皮肤|脸)",
            r"[触觸][电電]|电击|被?电(?:到|了|着)(?:了)?(?:我|手|人|孩子|一下|他|她)|被[电電](?:到|了|着|伤|击)|"
            r"漏[电電]|麻到?手",
            r"煤[气氣]|燃气(?:味|泄|漏)|天然气(?:味|泄|漏)|瓦斯(?:味|泄|漏|外)|一氧化碳|(?:闻到|有股|"
            r"有).{0,5}(?:燃气|天然气|瓦斯)",
            r"[着著]火|起火|失火|火[灾災]|走火|(?:燃|烧|燒)起来|烧着了|冒烟|冒煙|冒火|[冒有出]火花|爆炸|炸(?:了|"
            r"开|裂|伤)|自燃|自爆|爆燃|焦味|焦糊味|烧焦|烧糊"
            r"|糊味|有烟|浓烟",
            r"电池.{0,8}(?:鼓|胀|膨|发烫|很烫|漏液|烫手|过热|变形)|" + _THING_ZH
            + r".{0,6}(?:烫手|过热|融化|熔化|烧了|烧坏|烧起|炸|火花|鼓包|发烫|烫得)|鼓包",
            r"中毒|毒死|电死|烧死|(?:吃|喝)(?:到|出).{0,6}(?:玻璃|碎渣|铁丝|钉子?|刀片|针|虫.{0,4}(?:吐|拉))|"
            r"(?:里面?|里边|中)(?:有|吃出|发现|混).{0,4}(?:碎?玻璃|刀片|铁丝|钉子|针头|碎片)"
            r"|吃出.{0,5}(?:玻璃|刀片|铁|钉|针|碎)|(?:上吐下泻|食物中毒|拉肚子.{0,8}(?:医院|发烧|严重))",
            r"流血|流了.{0,4}血|出血|血流|止不住血|满(?:手|脸|身|地)(?:都)?是?血|" + _WHO_ZH + r".{0,6}" + _HURT_ZH +
            r"|"
            + _HURT_ZH + r"了?.{0,3}" + _WHO_ZH + r"|受[伤傷]|骨折|缝了?.{0,2}针|砸到(?:人|头|脚)",
            r"住院|(?:送|进|去|到)(?:了|过|往)?(?:了)?医院|送[医醫]|(?:人|正|还|躺|现在)在(?:了)?(?:医院|急诊|ICU|"
            r"icu)|急[诊診]|抢救|搶救|救[护護][车車]|[打叫拨](?:了)?(?:120|110|119|112)|急救",
            r"昏迷|晕倒|暈倒|晕过去|晕厥|昏(?:倒|厥|过去)|休克|抽搐|没有?(?:呼吸|心跳|意识)|失去意识|心脏(?:病发|"
            r"骤停|病犯)|中风|胸口?(?:很)?[痛疼闷]"
            r"|呕吐(?!袋)|吐血|溺水|淹(?:到|死|了?水里)|救命|快(?:要|不行)?了?死了|(?:他|她|我|孩子|宝宝|人)(?:快|"
            r"要|就)死|出人命|死人|生命危险|生命垂危|危及生命|人命",
            r"威[胁脅](?:我|要|说|人|家|他|她|你)|恐吓|恐嚇|(?:要|会|想|敢|来)(?:杀|砍|捅|打死|弄死|干掉|烧死|"
            r"捅死)(?:了|死)?(?:我|你|他|她|人|全家|们)|[杀殺](?:了|死)(?:我|你|他|她|人|全家)"
            r"|[杀殺]人|家暴|(?:我|他|她|孩子|人)被.{0,4}打(?!折|开|包|电话|断|扰|扮|印)|(?:殴|毆)打|打人|"
            r"(?:快递员|骑手|送货|司机|老公|丈夫|男友).{0,4}(?:打我|动手|骚扰|猥亵|跟踪)|持[刀枪]|[绑綁]架|强奸|"
            r"強姦|性侵|猥亵|跟踪我|有炸弹|放.{0,2}炸弹",
        )
    )
)  # fmt: skip


def is_told(raw: str) -> bool:
    """Somebody may be in danger, or is hurt, or means to hurt themselves or others."""
    text = spelling.plain(raw)
    mended = _HARMLESS.sub(" ", spelling.mended(text, _SLIPS, _SOUND))
    return _EN.search(mended) is not None or _ZH.search(_HARMLESS_ZH.sub(" ", spelling.joined(text))) is not None
