import { describe, expect, it } from "vitest"
import { codeShapesIn } from "../src/classifiers/codeShapes.ts"

/** One text for each way that a shape can be written. */
const written: ReadonlyArray<readonly [name: string, ...texts: ReadonlyArray<string>]> = [
  ["code block", "```\nx\n```", "~~~js"],
  ["function definition", "def f(x):", "fn main<T>", "func go (", "x = function ("],
  ["assignment", "const x = 1", "String name=1"],
  ["#include", "#include <stdio.h>"],
  ["import line", "import a.b.c as d;", "text\n  import pandas\ntext"],
  ["import statement", "import { a }", "import * as", 'import "x"', "from a.b import c", "from 'x'", 'require("x")'],
  [
    "SQL statement",
    "SELECT a\nFROM b",
    "select a, b from c where d",
    "INSERT INTO t",
    "CREATE TABLE t",
    "UPDATE t SET a"
  ],
  ["arrow function", "x => x", "(a) => {"],
  ["line that ends as code", "if (x) {", "f(); \nand"],
  ["class definition", "class A:", "public abstract class B(C) {", "public static"],
  [
    "stack trace",
    "Traceback (most recent call last)",
    "  at f (file.js:10:5)",
    "\tat x.y.Z(A.java:3)",
    '  File "a.py", line 3'
  ],
  ["exception name", "TypeError", "NullPointerException"],
  ["source file name", "see main.py", "config.yaml", "a-b.tsx", "lib_x.c"],
  ["call", "call foo() twice"],
  ["method call", "list.sort(x"],
  ["identifier", "my_name", "getName"],
  ["markup tag", "<div>", "</P>", '<a href="x">'],
  ["shell command", "npm install x", "sudo apt", "$ ls"]
]

describe("code shapes", () => {
  for (const [name, ...texts] of written) {
    it.each(texts)(`sees a ${name} in %j, amid words too`, (text) => {
      const names = (read: string) => codeShapesIn(read).map((shape) => shape.name)
      expect(names(text)).toContain(name)
      expect(names(`Some words before it.\n${text}\nand some after it`)).toContain(name)
    })
  }

  it("sees none in words", () => {
    expect(
      codeShapesIn("Please tell me (in short): what is a good plan for a week in Rome? I like art; he does not.")
    ).toEqual([])
  })
})
