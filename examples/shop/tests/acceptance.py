"""Orders something through the load balancer and reads it back: `acceptance.py URL`."""

import json
import sys
import urllib.parse
import urllib.request
import uuid

url = sys.argv[1].rstrip("/") if len(sys.argv) == 2 and sys.argv[1] else sys.exit("set CDCONF_URL")
article = f"acceptance {uuid.uuid4()}"
body = urllib.parse.urlencode({"article": article}).encode()
with urllib.request.urlopen(f"{url}/orders", body, timeout=10) as answer:
    number = json.load(answer)["id"]
with urllib.request.urlopen(f"{url}/orders", timeout=10) as answer:
    assert {"id": number, "article": article} in json.load(answer)
print(f"order {number} was taken and read back")
