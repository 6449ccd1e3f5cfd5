"""The data card of the Hangul pictures: what they are, where they come from, what they can't do."""

from collections.abc import Mapping

import PIL
import scipy

from workshop.samples.hangul import SYLLABLES
from workshop.samples.hangul_fonts import FONTS, LICENCES, fonts_of


def data_card(counts: Mapping[str, int], size: int, quality: int, total_bytes: int) -> str:
    """Return the card as Markdown."""
    splits = "\n".join(
        f"| {split} | {count} | {count * len(SYLLABLES)} | {len(fonts_of(split))} |"
        for split, count in counts.items()
    )
    fonts = "\n".join(
        f"| {font.split} | {font.file} | {font.style} | {font.package} | `{font.sha256}` |" for font in FONTS
    )
    return _CARD.format(
        splits=splits,
        classes="\n".join(f"| {name} | {syllable} |" for name, syllable in sorted(SYLLABLES.items())),
        fonts=fonts,
        packages=" ".join(LICENCES),
        pictures=sum(counts.values()) * len(SYLLABLES),
        size=size,
        quality=quality,
        megabytes=f"{total_bytes / 1e6:.1f}",
        pillow=PIL.__version__,
        scipy=scipy.__version__,
    )


_CARD = """# hangul: ten written syllables

{pictures} pictures, {size}×{size} pixels, JPEG (quality {quality}), {megabytes} MB, in `train/`,
`val/` and `test/`. Each shows one syllable of the Korean script, written on paper and photographed by hand.

They are far from most of the pictures that the embedded weights were learned on. So they show what carries over
even so: features of lines, curves and corners.

| split | pictures a class | pictures | fonts |
|---|---|---|---|
{splits}

| class | syllable |
|---|---|
{classes}

Each syllable is a consonant with the vowel ㅏ, so the classes differ in the left half alone. The folders have
ASCII names (the Revised Romanization), although densekit takes Hangul ones, for the sake of other programs: one
Hangul name can be stored as two different texts (Unicode's NFC and NFD), some archive programs garble it, and a
font without Hangul shows boxes.

## Where they come from
No photograph is in here, and nobody's handwriting but that of the fonts. Every picture is computed by
`workshop/samples/hangul.py`: the syllable from a font; strokes that waver and are thicker or thinner; uneven ink
of one of six colours; paper with fibres, at times with lines or squares, at times with its edge and a table
beyond it; the turn and tilt of a camera held by hand; light from one side, a shadow at times; blur, tint, noise.
Nothing is mirrored, for a mirrored syllable is another one. `drawn.csv` lists font, ruling and turn (in degrees)
of each picture.

**No font is in two splits.** A font is to these pictures what a writer is to handwriting. Were one font in both
training and test pictures, a network could know the very shape, and the accuracy would say too much: below it is
measured by how much for a head. With fonts that were never seen, it says how well syllables are read in another
hand. Each split has handwriting and print,
and was chosen by looking at the fonts, before anything was measured. Fonts of one hand are in one split, as
NanumPen and NanumBrush are. Within a split all fonts write equally many pictures of each class.

| split | font | style | Debian package | SHA-256 of the file |
|---|---|---|---|---|
{fonts}

Remake it: `apt-get install {packages}`, then `make samples`, or

    python -m workshop.samples hangul --out data_samples/hangul

with `--fonts DIR` where the fonts are elsewhere. Check it: `python -m workshop.samples hangul --check
data_samples/hangul`, or `sha256sum -c SHA256SUMS`; neither needs a font. With `--render 20`, twenty pictures are
drawn again and compared.

A picture follows from its name and its font. Made with Pillow {pillow} (its FreeType draws the syllables, its
libjpeg encodes) and SciPy {scipy}; other versions could write other bytes. 75 of the pictures were drawn with and
without numpy's AVX2 and AVX-512 code, to the same bytes.

## Licence
The fonts are under the SIL Open Font License 1.1, as the `copyright` files of the packages say: © 2010 NAVER
Corporation (Nanum), © 2013-2020 Woowa Brothers Corporation (BM). Pictures made with them may be passed on, under
any terms: “The requirement for fonts to remain under this license does not apply to any document created using
the Font Software”, says the licence. The fonts themselves are not in here.

The pictures were made for densekit and are part of it: the MIT licence of the project covers them; where you
prefer, take them under CC0 1.0 instead.

## How hard
Heads alone, trained as `densekit train` does it, at 128 pixels, on the frozen DenseNet-121 with embedded or
random weights. Pictures right, in percent: mean of five seeds and half of its 95 % interval, measured by
`benchmarks/hangul.py`. One in ten is right by chance.

| measured on | learned from, a class | embedded weights | random weights |
|---|---|---|---|
| the 420 validation and test pictures, in other fonts | 5 | 34.8 ± 1.8 | 11.7 ± 1.3 |
| | 10 | 45.0 ± 2.1 | 12.5 ± 1.0 |
| | 48, which is all | 56.9 ± 1.5 | 18.4 ± 3.0 |
| the other training pictures, in the same fonts | 5 | 35.3 ± 2.1 | 12.2 ± 2.8 |
| | 10 | 47.4 ± 3.2 | 13.7 ± 2.6 |

Features that were learned on other pictures carry over, though not all the way: what tells 나 from 다 is one
stroke. Where all is learned from, nothing but the head differs between the seeds of the embedded weights, hence
the narrow interval: it says nothing of other pictures.

There is much to gain from training more than the head, and the fonts of the test pictures are harder to read than
those of the validation pictures. One run of each, seed 0, in bf16, with the best epoch chosen by the validation
pictures:

| `densekit train --data data_samples/hangul` | validation pictures right | test pictures right |
|---|---|---|
| alone: the head | 66.7 % | 47.1 % |
| `--preset full --train-from denseblock2` | 94.8 % | 70.0 % |

## Known limits
Twelve fonts are not the hands of people: two pictures of one font differ by pen, paper and camera, but not as
two tries of one writer do. There are ten syllables of the 11,172. Each picture shows one, upright within
18 degrees. Accuracy here says how one method compares with another, not how well it reads handwriting.
"""
