"""Our QR codes, read by a decoder and compared with an encoder that we did not write."""

import os
import random
import subprocess

import qrcode
import zxingcpp
from qrcode.util import MODE_8BIT_BYTE, QRData

PEER = os.environ.get("QR_PEER")


def codes(texts):
    """The modules of each text's code, as our encoder draws them; None for one that does not fit."""
    lines = "".join(text.encode().hex() + "\n" for text in texts)
    out = subprocess.run([PEER], input=lines, capture_output=True, text=True, timeout=120, check=True).stdout
    found, rows = [], []
    for line in out.split("\n")[:-1]:
        if line:
            rows.append(line)
        else:
            found.append(rows or None)
            rows = []
    assert len(found) == len(texts)
    return found


def image(rows, scale=4):
    """Grey pixels, dark modules black."""
    side = len(rows) * scale
    pixels = bytearray()
    for row in rows:
        line = b"".join((b"\0" if module == "1" else b"\xff") * scale for module in row)
        pixels += line * scale
    return memoryview(bytes(pixels)).cast("B", shape=[side, side])


def read(rows):
    found = zxingcpp.read_barcodes(image(rows), formats=zxingcpp.BarcodeFormat.QRCode)
    assert len(found) == 1, f"{len(found)} codes found"
    return found[0]


def test_every_length_is_read_back():
    """One text a length, so that every version, every block layout and every padding comes up."""
    source = random.Random(18004)
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?#[]@!$&'()*+,;=%"
    texts = ["".join(source.choice(alphabet) for _ in range(length)) for length in range(1, 214)]
    for text, rows in zip(texts, codes(texts)):
        assert read(rows).text == text


def test_many_addresses_of_devices_are_read_back():
    source = random.Random(8628)
    letters = "BCDFGHJKLMNPQRSTVWXZ"
    texts = []
    for _ in range(300):
        code = "".join(source.choice(letters) for _ in range(8))
        host = "".join(source.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(source.randrange(1, 60)))
        texts.append(f"https://{host}.example/device?user_code={code[:4]}-{code[4:]}")
    for text, rows in zip(texts, codes(texts)):
        found = read(rows)
        assert found.text == text
        assert found.ec_level == "M"


def test_bytes_that_are_no_ascii_are_read_back():
    texts = ["ä", "日本語のテキスト", "🪪 Signet", "a\nb\tc", " ", "é" * 100]
    for text, rows in zip(texts, codes(texts)):
        assert read(rows).bytes == text.encode()


def test_damage_within_the_level_is_corrected():
    """Level M mends about 15 % of the codewords: a flipped patch of a size that it must survive."""
    texts = [f"https://id.example.org/device?user_code=WDJB-MJ{n:02}" for n in range(20)]
    for text, rows in zip(texts, codes(texts)):
        grid = [list(row) for row in rows]
        middle = len(grid) // 2
        for row in range(middle - 2, middle + 2):
            for column in range(middle - 2, middle + 2):
                grid[row][column] = "0" if grid[row][column] == "1" else "1"
        assert read(["".join(row) for row in grid]).text == text


def test_what_does_not_fit_has_no_code():
    assert codes(["a" * 213, "a" * 214, "b"])[1] is None


def test_an_encoder_that_we_did_not_write_draws_the_same_modules():
    """Which mask is best is a matter of taste where two are equally good; under one of the eight, all modules agree."""
    for text in ["https://id.example/device?user_code=WDJB-MJHT", "x", "y" * 100, "z" * 150, "z" * 213]:
        mine = [[module == "1" for module in row[4:-4]] for row in codes([text])[0][4:-4]]
        theirs = []
        for mask in range(8):
            other = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=0, mask_pattern=mask)
            other.add_data(QRData(text.encode(), mode=MODE_8BIT_BYTE))
            other.make(fit=True)
            theirs.append(other.get_matrix())
        assert mine in theirs, text
