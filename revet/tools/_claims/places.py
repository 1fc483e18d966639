"""Places that lie in each other, and peoples that are part of each other: two such names need not contradict.

Whoever was born in Salzburg was born in Austria, and an English film is a British one.
"""

from __future__ import annotations

from revet.tools._claims.names import Name

__all__ = ["people", "region"]

_COUNTRIES = (
    "afghanistan albania algeria andorra angola argentina armenia australia austria azerbaijan bahamas bahrain "
    "bangladesh barbados belarus belgium belize benin bhutan bolivia bosnia botswana brazil brunei bulgaria burundi "
    "cambodia cameroon canada chad chile china colombia congo croatia cuba cyprus denmark dominica ecuador egypt "
    "eritrea estonia eswatini ethiopia fiji finland france gabon gambia germany ghana greece guatemala guinea guyana "
    "haiti honduras hungary iceland india indonesia iran iraq ireland israel italy jamaica japan jordan kazakhstan "
    "kenya kosovo kuwait kyrgyzstan laos latvia lebanon lesotho liberia libya liechtenstein lithuania luxembourg "
    "madagascar malawi malaysia mali malta mauritania mauritius mexico moldova monaco mongolia montenegro morocco "
    "mozambique myanmar namibia nepal netherlands nicaragua niger nigeria norway oman pakistan panama paraguay peru "
    "philippines poland portugal qatar romania russia rwanda samoa senegal serbia singapore slovakia slovenia somalia "
    "spain sudan suriname sweden switzerland syria taiwan tajikistan tanzania thailand togo tonga tunisia turkey "
    "turkmenistan uganda ukraine uruguay uzbekistan vanuatu venezuela vietnam yemen zambia zimbabwe britain "
    "united|states united|kingdom south|africa new|zealand south|korea north|korea czech|republic saudi|arabia "
    "sri|lanka costa|rica el|salvador ivory|coast united|arab|emirates papua|new|guinea sierra|leone burkina|faso"
)
_LARGER = (
    "europe asia africa america oceania antarctica scandinavia north|america south|america latin|america middle|east "
    "european|union"
)
_FORMER = (
    "prussia bohemia yugoslavia czechoslovakia soviet|union ottoman|empire roman|empire east|germany west|germany "
    "persia palestine austria-hungary"
)
_NATIONS = "england scotland wales northern|ireland greenland hong|kong puerto|rico georgia"
_STATES = (
    "alabama alaska arizona arkansas california colorado connecticut delaware florida hawaii idaho illinois indiana "
    "iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri montana "
    "nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia wisconsin wyoming "
    "new|york new|jersey new|hampshire new|mexico north|carolina south|carolina north|dakota south|dakota "
    "west|virginia rhode|island ontario quebec alberta manitoba british|columbia queensland tasmania new|south|wales "
    "bavaria saxony hesse thuringia brandenburg tuscany lombardy sicily sardinia catalonia andalusia galicia brittany "
    "normandy provence alsace flanders wallonia transylvania silesia basque|country kent surrey essex sussex "
    "yorkshire lancashire cheshire cornwall devon dorset norfolk suffolk"
)
_PARTS = "brooklyn manhattan queens bronx hollywood silicon|valley bay|area new|england"
LEVELS = {
    name.replace("|", " "): level
    for level, listed in enumerate((_LARGER, _FORMER, _COUNTRIES, _NATIONS, _STATES, _PARTS), 1)
    for name in listed.split()
}
_PEOPLES = (
    "afghan african american albanian algerian arab argentine argentinian armenian asian australian austrian belgian "
    "bolivian brazilian british bulgarian canadian catalan chilean chinese colombian croatian cuban czech danish "
    "dutch egyptian english estonian ethiopian european finnish flemish french georgian german ghanaian greek "
    "hungarian icelandic indian indonesian iranian iraqi irish israeli italian jamaican japanese jewish kenyan korean "
    "latvian lebanese lithuanian malaysian mexican moroccan nigerian norwegian pakistani palestinian persian peruvian "
    "philippine polish portuguese prussian romanian russian scottish senegalese serbian slovak slovene slovenian "
    "soviet spanish swedish swiss syrian taiwanese thai tunisian turkish ukrainian venezuelan vietnamese welsh "
    "yugoslav bavarian austro-hungarian"
)
PEOPLES = frozenset(_PEOPLES.split())


def region(name: Name) -> int:
    """0 for a town or whatever else, and one number each for countries, their parts, and what they are parts of."""
    return LEVELS.get(name.joined, 0) or LEVELS.get(" ".join(name.words), 0)


def people(name: Name) -> bool:
    """True for ``English``: whoever is English may be called British as well."""
    return bool(name.words) and name.words[-1] in PEOPLES
