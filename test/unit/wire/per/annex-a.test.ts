import { describe, expect, it } from "vitest";
import * as per from "../../../../src/wire/per/index.ts";

// X.691 Annex A: the standard's own records. SETs are encoded in the order of their tags (X.691 21): written here in that order.
const smith = { givenName: "John", initial: "P", familyName: "Smith" };
const record = {
  name: smith,
  number: 51,
  title: "Director",
  dateOfHire: "19710917",
  nameOfSpouse: { givenName: "Mary", initial: "T", familyName: "Smith" },
  children: [
    { name: { givenName: "Ralph", initial: "T", familyName: "Smith" }, dateOfBirth: "19571111" },
    { name: { givenName: "Susan", initial: "B", familyName: "Jones" }, dateOfBirth: "19590717" },
  ],
};

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.";

function a1() {
  const Name = per.sequence({ givenName: per.visibleString(), initial: per.visibleString(), familyName: per.visibleString() });
  const Child = per.sequence({ name: Name, dateOfBirth: per.visibleString() });
  return per.sequence({
    name: Name,
    number: per.anyInteger,
    title: per.visibleString(),
    dateOfHire: per.visibleString(),
    nameOfSpouse: Name,
    children: per.withDefault(per.sequenceOf(Child), []),
  });
}

function a2() {
  const NameString = per.visibleString(per.size(1, 64), letters);
  const Name = per.sequence({ givenName: NameString, initial: per.visibleString(per.size(1), letters), familyName: NameString });
  const Day = per.visibleString(per.size(8), "0123456789");
  const Child = per.sequence({ name: Name, dateOfBirth: Day });
  return per.sequence({
    name: Name,
    number: per.anyInteger,
    title: per.visibleString(),
    dateOfHire: Day,
    nameOfSpouse: Name,
    children: per.withDefault(per.sequenceOf(Child), []),
  });
}

function a3() {
  const NameString = per.visibleString(per.size(1, 64, true), letters);
  const Name = per.sequence({ givenName: NameString, initial: per.visibleString(per.size(1), letters), familyName: NameString }, {});
  const Day = per.visibleString(per.size(8, 8, true), "0123456789");
  const Child = per.sequence({ name: Name, dateOfBirth: Day }, { sex: per.optional(per.enumerated(["male", "female", "unknown"])) });
  return per.sequence(
    {
      name: Name,
      number: per.integer(0, 9999, true),
      title: per.visibleString(),
      dateOfHire: Day,
      nameOfSpouse: Name,
      children: per.optional(per.sequenceOf(Child, per.size(2, 2, true))),
    },
    {},
  );
}

const a4 = per.sequence(
  {
    a: per.integer(250, 253),
    b: per.boolean,
    c: per.choice({ d: per.anyInteger }, { e: per.boolean, f: per.ia5String() }),
    i: per.optional(per.bmpString()),
    j: per.optional(per.printableString()),
  },
  { group: per.sequence({ g: per.numericString(per.size(3)), h: per.optional(per.boolean) }) },
);

const record3 = { ...record, children: [record.children[0]!, { ...record.children[1]!, sex: "female" as const }] };
const ax = { a: 253, b: true, c: { e: true }, group: { g: "123", h: true } };

function check<T>(type: per.Type<T>, value: T, aligned: boolean, hex: string) {
  const bytes = per.encode(type, value, { aligned });
  expect(Buffer.from(bytes).toString("hex")).toBe(hex.replaceAll(" ", ""));
  expect(per.decode(type, bytes, { aligned })).toEqual(value);
}

describe("X.691 Annex A", () => {
  it("A.1.2 without constraints, aligned", () =>
    check(
      a1(),
      record,
      true,
      "80044a6f686e015005536d6974680133084469726563746f72083139373130393137044d617279015405536d697468020552616c7068015405536d697468083139353731313131" +
        "05537573616e0142054a6f6e6573083139353930373137",
    ));
  it("A.1.3 without constraints, unaligned", () =>
    check(
      a1(),
      record,
      false,
      "824adfa3700d005a7b74f4d0026611134f2cb8fa6fe410c5cb762c1cb16e09370f2f20350169edd3d340102d2c3b386801a80b4f6e9e9a0218b96add8b162c41" +
        "69f5e787700c20595bf765e610c5cb572c1bb16e",
    ));
  it("A.2.2 with constraints, aligned", () =>
    check(
      a2(),
      record,
      true,
      "864a6f686e5010536d6974680133084469726563746f72197109170c4d6172795410536d697468021052616c70685410536d6974681957111110537573616e42" +
        "104a6f6e657319590717",
    ));
  it("A.2.3 with constraints, unaligned", () =>
    check(
      a2(),
      record,
      false,
      "865d51d2888a5125f1809984 44d3cb2e3e9bf90cb8848b867396e8a88a5125f181089b93d71aa2294497c632ae222222985ce521885d54c170cac838b8",
    ));
  it("A.3.2 with extension markers, aligned", () =>
    check(
      a3(),
      record3,
      true,
      "40c04a6f686e5008536d69746800003308446972 6563746f7200197109 17034d6172795408536d697468010052616c70685408536d69746800195711118200" +
        "537573616e42084a6f6e65730019590717010140",
    ));
  it("A.3.3 with extension markers, unaligned", () =>
    check(
      a3(),
      record3,
      false,
      "40cbaa3a5108a5125f180330889a7965c7d37f20cb8848b819ce5ba2a114a24be30113727ae35422 94497c6195711118 22985ce521842eaa60b832b20e2e020280",
    ));
  it("A.4.2 with extension addition groups, aligned", () => check(a4, ax, true, "9e000180010291a4"));
  it("A.4.3 with extension addition groups, unaligned", () => check(a4, ax, false, "9e000600040a4690"));
});
