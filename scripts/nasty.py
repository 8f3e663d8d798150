"""Strings that tokenizers stumble over."""

PIECES = [piece if isinstance(piece, bytes) else piece.encode() for piece in [
    # NUL and bytes that are not UTF-8: lone continuation, cut off, surrogate, overlong, out of range
    "\0", "\0\0", "a\0b", b"\x80", b"\xbf\xbf", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc0\xaf",
    b"\xf4\x90\x80\x80", b"\xff\xfe", b"caf\xe9", "\ufffd", "\ufffe", "\U0010ffff", "\U0010fffe", "\ue000", "\U000e0001",
    # controls, spaces of all kinds, invisible characters
    "\x01", "\x07", "\x08", "\x0b", "\x0c", "\x1b[31m", "\x1f", "\x7f", "\x85", "\x9f", "\r\n", "\n", "\t", "   ",
    "\xa0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u3000", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff",
    "\xad", "\u034f", "\u180e",
    # emoji: joined, coloured, flags, keycaps
    "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇫🇷🇯🇵", "1️⃣", "☺️", "🫠", "😀😀😀", "🧑🏿‍🚀", "❤",
    # right to left, with bidi controls
    "שלום עולם", "שָׁלוֹם", "مرحبا بالعالم", "ﷺ", "لا", "\u202eabc\u202c", "\u2067مثال\u2069", "ܫܠܡܐ",
    # CJK and other scripts
    "東京", "日本語のテキスト", "ｶﾞｷﾞ", "ガ", "が", "한국어", "각", "中文字符", "𠀀𠮷", "﨑", "豈", "㍿", "㌔",
    "ไทยภาษา", "क्षत्रिय", "தமிழ்", "မြန်မာ", "ᏣᎳᎩ", "ქართული", "Ქ", "Ελληνικά ΣΑΣ ς", "Привет", "ыЙ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    # combining marks and characters that normalise to more, fewer or other characters
    "e\u0301", "é", "n\u0303", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢", "\u0301", "a\u0308\u0301", "ệ", "ﬁ", "ﬃ", "½", "²", "①", "™", "℃", "…", "Å", "Ω", "İ",
    "ı", "ß", "ẞ", "ŉ", "ǆ", "\u0345", "ﬀ", "\u0958", "\u2126", "\u212b", "\u1e9b\u0323", "ｗｉｄｅ", "\u3099", "\u0f77",
    # what the tokenizers themselves use
    "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "<s>", "</s>", "<mask>", "<pad>", "<unk>", "<|endoftext|>", "<|EndOfText|>",
    "<|startoftext|>", "<extra_id_1>", "<extra_id_99>", "[mask]", "<MASK>", "New York", "yes", "yesterday", "\u3000<mask>",
    "▁", "▁▁a", "##", "##ing", "</w>", "Ġ", "Ġthe", "Ċ", "Ā", "<0x41>", "<0x00>",
    # words, numbers, marks
    "the", "The", "THE", "of", "a", "A", "in", "war", "keyser", "unbelievably", "antidisestablishmentarianism", "I'm",
    "don't", "WE'LL", "it’s", "'s", "'S", "'", "''", "\"", "``", "state-of-the-art", "e.g.", "www.example.com/?q=1&r=2",
    "1,234.56", "007", "١٢٣", "Ⅷ", "3rd", "$5", "€", "@user", "#tag", "C++", "...", "?!", "—", "–", "„“", "«»", "(", ")", "[",
    "]", "{}", "\\", "/", "|", "~", "^", "_", "`", "x" * 99, "x" * 100, "x" * 101, "é" * 101, "ab" * 40, "!" * 30, " " * 20,
]]
GLUE = [b"", b"", b"", b" ", b" ", b"  ", b"\n"]
RANGES = [(1, 0x7F), (0x80, 0x24F), (0x300, 0x36F), (0x370, 0x1FFF), (0x2000, 0x2BFF), (0x3000, 0x9FFF), (0xA000, 0xD7FF),
          (0xE000, 0xFFFF), (0x10000, 0x1FFFF), (0x20000, 0x2FA1F), (0xE0000, 0xE01EF), (0xF0000, 0x10FFFF)]


def nasty_strings(rng, count):
    """count byte strings: each piece alone, then mixtures, random code points and random bytes."""
    strings = [b"", *PIECES]
    while len(strings) < count:
        kind = rng.random()
        if kind < 0.7:
            strings.append(b"".join(rng.choice(PIECES) + rng.choice(GLUE) for _ in range(rng.randint(1, 9))))
        elif kind < 0.9:
            text = "".join(chr(rng.randint(*rng.choice(RANGES))) for _ in range(rng.randint(1, 20)))
            strings.append(text.encode())
        elif kind < 0.95:
            strings.append(bytes(rng.choices([0, 32, 65, 97, 0x80, 0xBF, 0xC3, 0xE2, 0xED, 0xF0, 0x9F, 0xFF], k=12)))
        else:
            text = bytearray(b" ".join(rng.choice(PIECES) for _ in range(4)))
            for _ in range(3):
                if text:
                    text[rng.randrange(len(text))] = rng.randrange(256)
            strings.append(bytes(text))
    return strings[:count]


def long_strings():
    """Strings without a space, two of them over a megabyte, as (part, times)."""
    return [(b"abcdefghij", 105_000), ("東京é👍x1!".encode(), 70_000), (b"\0\x80z", 20_000)]
