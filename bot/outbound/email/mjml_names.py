"""Every MJML element and its attributes (MJML 4 and 5), because the compiler passes unknown ones without a word."""

_PADDING = "padding padding-top padding-right padding-bottom padding-left"
_BORDER = "border border-top border-right border-bottom border-left border-radius"
_INNER = "inner-border inner-border-top inner-border-right inner-border-bottom inner-border-left inner-border-radius"
_BACKGROUND = (
    "background-color background-url background-repeat background-size background-position background-position-x "
    "background-position-y"
)
_FONT = "color font-family font-size font-style font-weight letter-spacing line-height text-decoration text-transform"
_LINK = "href rel target title name"
_ICON = (
    "icon-align icon-height icon-position icon-unwrapped-alt icon-unwrapped-url icon-width icon-wrapped-alt "
    "icon-wrapped-url"
)

_NAMES = {
    "mjml": "lang dir owa version",
    "mj-head": "",
    "mj-title": "",
    "mj-preview": "",
    "mj-attributes": "",
    "mj-all": "*",
    "mj-class": "*",
    "mj-breakpoint": "width",
    "mj-font": "name href",
    "mj-style": "inline",
    "mj-html-attributes": "",
    "mj-selector": "path",
    "mj-html-attribute": "name",
    "mj-include": "path type css-inline",
    "mj-raw": "position",
    "mj-body": "background-color width id lang dir title",
    "mj-wrapper": f"{_PADDING} {_BORDER} {_BACKGROUND} direction text-align text-padding full-width gap",
    "mj-section": f"{_PADDING} {_BORDER} {_BACKGROUND} direction text-align text-padding full-width",
    "mj-group": "background-color direction vertical-align width mobile-width",
    "mj-column": (
        f"{_PADDING} {_BORDER} {_INNER} background-color inner-background-color direction vertical-align width "
        "mobile-width"
    ),
    "mj-hero": (
        f"{_PADDING} {_BACKGROUND} border-radius container-background-color height inner-background-color "
        "inner-padding inner-padding-top inner-padding-right inner-padding-bottom inner-padding-left mode "
        "vertical-align width background-height background-width align"
    ),
    "mj-text": f"{_PADDING} {_FONT} align container-background-color height vertical-align",
    "mj-button": (
        f"{_PADDING} {_BORDER} {_FONT} {_LINK} align background-color container-background-color height "
        "inner-padding text-align vertical-align width"
    ),
    "mj-image": (
        f"{_PADDING} {_BORDER} {_LINK} alt align container-background-color fluid-on-mobile font-size full-width "
        "height max-height sizes src srcset usemap width"
    ),
    "mj-divider": f"{_PADDING} align border-color border-style border-width container-background-color width",
    "mj-spacer": f"{_PADDING} {_BORDER} container-background-color height width",
    "mj-table": (
        f"{_PADDING} {_FONT} align border cellpadding cellspacing container-background-color role table-layout "
        "vertical-align width"
    ),
    "mj-social": (
        f"{_PADDING} {_FONT} align border-radius container-background-color icon-height icon-padding icon-size "
        "inner-padding mode table-layout text-padding vertical-align"
    ),
    "mj-social-element": (
        f"{_PADDING} {_FONT} {_LINK} align alt background-color border-radius icon-height icon-padding "
        "icon-position icon-size sizes src srcset text-padding vertical-align"
    ),
    "mj-navbar": (
        f"{_PADDING} align base-url hamburger ico-align ico-open ico-close ico-color ico-font-size ico-font-family "
        "ico-text-transform ico-text-decoration ico-line-height ico-padding ico-padding-top ico-padding-right "
        "ico-padding-bottom ico-padding-left"
    ),
    "mj-navbar-link": f"{_PADDING} {_FONT} {_LINK}",
    "mj-carousel": (
        f"{_PADDING} align background-color border-radius container-background-color icon-width left-icon "
        "right-icon tb-border tb-border-radius tb-hover-border-color tb-selected-border-color tb-width thumbnails "
        "thumbnails-src"
    ),
    "mj-carousel-image": f"{_LINK} alt border-radius src tb-border tb-border-radius tb-border-color thumbnails-src",
    "mj-accordion": f"{_PADDING} {_ICON} border container-background-color font-family",
    "mj-accordion-element": f"{_ICON} background-color border font-family",
    "mj-accordion-title": f"{_PADDING} {_ICON} background-color color font-family font-size font-weight",
    "mj-accordion-text": (
        f"{_PADDING} background-color color font-family font-size font-weight letter-spacing line-height"
    ),
}
KNOWN: dict[str, frozenset[str]] = {
    name: frozenset(attributes.split()) | {"css-class", "mj-class"} for name, attributes in _NAMES.items()
}
CHILDLESS = frozenset(
    {"mj-all", "mj-class", "mj-breakpoint", "mj-font", "mj-include", "mj-image", "mj-divider", "mj-spacer"}
)
"""Elements that are written `<mj-image … />`."""
