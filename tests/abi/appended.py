"""appended.py OLD.xml NEW.xml: which structs of NEW are those of OLD with fields added at the end?

Prints their names as the suppression that abidiff needs to let them pass, one by one: a suppression for all
structs that may grow would hide every other change of theirs too.
"""

import sys
from xml.etree import ElementTree

RULE = """[suppress_type]
  type_kind = struct
  name_regexp = ^{name}$
  has_data_member_inserted_at = end
"""


def structs(path: str) -> dict[str, list[tuple[str, ...]]]:
    """Name, offset and type of each field of each struct; ids of types are hashes of what they are."""
    found = {}
    for struct in ElementTree.parse(path).iter("class-decl"):
        fields = [(field.get("layout-offset-in-bits", ""), variable.get("name", ""),
                   variable.get("type-id", ""))
                  for field in struct.findall("data-member") for variable in field]
        if fields:
            found[struct.get("name", "")] = fields
    return found


def main() -> None:
    """Prints the rules."""
    old, new = (structs(path) for path in sys.argv[1:])
    for name, fields in old.items():
        now = new.get(name, [])
        if len(now) > len(fields) and now[:len(fields)] == fields:
            print(RULE.format(name=name))


if __name__ == "__main__":
    main()
