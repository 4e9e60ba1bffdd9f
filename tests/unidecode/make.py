"""Writes pages.txt: for every 256 characters, a digest of what unidecode makes of them.

    pip install unidecode==1.1.1 && python make.py > pages.txt

Only what a model has symbols for is looked at. The digests say whether two spellings are the same and
nothing of what they are; pages of which nothing is left have no line.
"""

import hashlib
import string
import warnings

from unidecode import unidecode

SYMBOLS = set(string.ascii_letters + string.digits + ".,:;!?-+'\"()[] \t\n")


def cleaned(code_point):
    if 0xD800 <= code_point < 0xE000:
        return ""  # half of a character
    spelling = unidecode(chr(code_point)).replace("\\", "\n")
    return "".join(symbol for symbol in spelling if symbol in SYMBOLS)


warnings.simplefilter("ignore")
for page in range(0x1100):
    spellings = [cleaned(256 * page + i) for i in range(256)]
    if any(spellings):
        digest = hashlib.sha256("\0".join(spellings).encode()).hexdigest()
        print(f"{page:03x} {digest[:16]}")
