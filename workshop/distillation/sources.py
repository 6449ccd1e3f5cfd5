"""Which packages the pictures come from, and what kind of pictures each one holds.

What a network learns to see depends on what it is shown, so kinds are balanced by shares and not by how many
files a package happens to bring.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """How crops are cut from one kind of pictures.

    Args:
        share: part of all crops that are of this kind; the shares of all kinds add up to 1.
        shortest_side: pictures with a shorter side below this many pixels are left out.
        smallest_area: the smallest part of a picture's area that a crop covers.
        on_background: True for things with a transparent surrounding, which are set on other pictures.
        photographs_only: leave out what looks like no photograph, and what resembles an earlier one
            (`workshop.distillation.photographs`).
    """

    share: float
    shortest_side: int
    smallest_area: float = 0.15
    on_background: bool = False
    photographs_only: bool = False


KINDS: dict[str, Kind] = {
    "scenes": Kind(0.06, shortest_side=600, smallest_area=0.01),
    "pictures": Kind(0.24, shortest_side=96),
    "photographs": Kind(0.21, shortest_side=112, photographs_only=True),
    "things": Kind(0.19, shortest_side=40, on_background=True),
    "emoji": Kind(0.06, shortest_side=96, on_background=True),
    "drawings": Kind(0.12, shortest_side=96, on_background=True),
    "cartoons": Kind(0.03, shortest_side=96),
    "documents": Kind(0.06, shortest_side=128),
    "textures": Kind(0.03, shortest_side=256),
}
"""Photographs that fill a screen; pictures for children, mostly photographs; photographs that come with
documentation, shops and games; photographs of single things, cut out; emoji, rendered in three dimensions; clip
art; drawn pictures for children; pictures of documentation; surfaces from games.

Of scenes there is least to learn: few pictures give many crops, and what was learned from them holds for others
as well (`benchmarks/agreement.py`)."""


@dataclass(frozen=True)
class Source:
    """One package, and which of its pictures are used.

    Args:
        package: the name of a Debian package, or `npm:` and the name of an npm package.
        kind: a key of `KINDS`.
        only: a pattern that the path in the package has to contain; empty for any.
        never: a pattern that it must not contain; empty for none.
        archives: look for pictures inside the package's archive files too.
        largest_only: of each folder, or archive file, only the largest picture: the others are smaller copies.
    """

    package: str
    kind: str
    only: str = ""
    never: str = ""
    archives: bool = False
    largest_only: bool = False


_WITH_PHOTOGRAPHS = (
    "aiscm",
    "blender-doc",
    "budgie-backgrounds",
    "bygfoot-data",
    "coreboot-utils-doc",
    "darktable",
    "digikam-data",
    "euslisp-dev",
    "forensics-samples-files",
    "fotocx-common",
    "freecol",
    "freedombox-doc-en",
    "gambas3-examples",
    "gem-doc",
    "gnome-recipes-data",
    "gnome-software-common",
    "hackrf-doc",
    "hugin-data",
    "imaginary",
    "kalzium-data",
    "kdenlive-data",
    "krank",
    "kuttypy-gui",
    "ldap-account-manager",
    "libelementary-data",
    "libglm-doc",
    "libjs-jquery-slides",
    "libjs-jquery-ui-docs",
    "libjs-spectre-docs",
    "liblemonldap-ng-portal-perl",
    "lirc-doc",
    "mate-screensaver-common",
    "micropython-doc",
    "migraphx-doc",
    "morse-simulator-doc",
    "mrpt-doc",
    "nip2",
    "node-opencv",
    "ntp-doc",
    "odoo-14",
    "odoo-19",
    "palapeli-data",
    "plasma-discover-common",
    "psychopy",
    "psychtoolbox-3-common",
    "python-kivy-examples",
    "python3-pattern",
    "qtdeclarative5-examples",
    "qtwebengine5-examples",
    "ruby-rmagick-doc",
    "scribus-template",
    "shotcut-data",
    "tdiary-theme",
    "texlive-publishers",
    "texlive-publishers-doc",
    "tuxtype-data",
    "wand-doc",
    "wesnoth-1.18-data",
    "wordpress-theme-twentytwentyfive",
    "wordpress-theme-twentytwentyone",
)
"""Packages with five photographs or more among their pictures, most of them documentation and games. Found by
looking through the packages of Debian 11, 12, 13 and unstable with two JPEG or WebP files or more: no single
release has all of them. Packages with pictures of well-known people, or of the data sets that others measure on,
were not taken."""

_NOT_THINGS = (  # the files are named by their code points
    "/1f1|e0067|"  # flags, and letters in squares
    "/1f2|/00|/3[02]|"  # Chinese signs in squares, keys with digits, (c) and (r)
    "1f3f[b-f]|200d"  # another tone of skin, and people put together of several signs
)
_ANTS_AND_BEES = "/1f41[cd]"
_A_DRAWN_ANT = "/fc/fc000"

SOURCES: tuple[Source, ...] = (
    Source("gnome-backgrounds", "scenes"),
    Source("mate-backgrounds", "scenes", never="/abstract/"),
    Source("ukui-wallpapers", "scenes"),
    Source("lomiri-wallpapers", "scenes"),
    Source("lomiri-wallpapers-16.04", "scenes"),
    Source("lomiri-wallpapers-20.04", "scenes"),
    Source("lxqt-themes", "scenes", only="/wallpapers/"),
    Source("plasma-workspace-wallpapers", "scenes", only="/contents/images", largest_only=True),
    Source("enlightenment-data", "scenes", only=r"/backgrounds/.*\.edj$", archives=True, largest_only=True),
    Source(
        "gcompris-qt-data",
        "pictures",
        only=r"/rcc/.*\.rcc$",
        never="babyshapes|chronos|/core|digital|erase|gravity|hangman|leftright|memory-sound",
        archives=True,
    ),
    Source("endless-sky-data", "pictures", only=r"/images/land/.*\.jpg$"),
    Source("scratch", "pictures", only="/Media/Backgrounds/"),
    Source("gnome-control-center-data", "pictures", only=r"/faces/.*\.jpg$"),
    Source("pysiogame", "cartoons", only=r"/images/.*\.jpg$", never=f"/schemes/|/unit_bg/|{_A_DRAWN_ANT}"),
    Source("tuxpaint-data", "pictures", only=r"/(starters|templates)/.*\.jpg$"),
    *(Source(name, "photographs") for name in _WITH_PHOTOGRAPHS),
    Source("opencv-doc", "photographs", never="/text/|/shape/|/left|/right|chess|messi|lena"),
    Source("tuxpaint-stamps-default", "things", never="/symbols/(alphabets|math|music)/"),
    Source("qabcs-data", "things", only="/abcs/all/pics/"),
    Source("scratch", "things", only="/Media/Costumes/", never="/Letters/"),
    Source("npm:@lobehub/fluent-emoji-3d", "emoji", never=f"{_NOT_THINGS}|{_ANTS_AND_BEES}"),
    Source("openclipart-png", "drawings"),
    Source("oxygen-icon-theme", "drawings", only="/(128x128|256x256)/"),
    Source("fonts-noto-color-emoji", "drawings", archives=True),
    Source("opencv-doc", "documents", only="/examples/", never="/text/|/shape/|/left|/right|chess"),
    Source("python3-skimage", "documents", only="/skimage/data/"),
    Source("visp-images-data", "documents", never="/AprilTag/|/mire/"),
    Source("fotoxx-common", "documents", only=r"/images/.*\.jpg$"),
    Source("kphotoalbum", "documents", only=r"/demo/.*\.jpg$"),
    Source("cimg-doc", "documents", only=r"/img/postcard.*\.jpg$"),
    Source("plasma-workspace-data", "documents", only="/avatars/photos/"),
    Source("supertuxkart-data", "textures", only=r"\.jpg$"),
    Source("mypaint-data-extras", "textures", only="/backgrounds/"),
)

CROPS = 90_000
"""About so many crops are cut from them."""

KEPT_FOR_MEASURING = (
    r"(?i)(?<![a-z])(ants?|(honey_?|bumble_?)?bees?|wasps?"
    r"|formi(ca|che|chin|con)[a-z]*|fourmis?|ameisen?|hormigas?|abeilles?|bienen?|abejas?)(?![a-z])"
)
"""Pictures whose names tell of these are never learned from: the transfer is measured on ants and bees.

Names tell in several languages. Inside archives there are none, and so the ant and the bee of one font of emoji
are learned from."""
