/**
 * What program code looks like, whatever its words. Each expression is bounded, since the text is anybody's.
 */

interface CodeShape {
  readonly name: string
  readonly weight: number
  readonly shape: RegExp
  /** Wherever the shape is, so is one of these and the mark; most texts lack them, and they are found faster. */
  readonly signs?: ReadonlyArray<string>
  readonly mark?: RegExp
}

export interface FoundShape {
  readonly name: string
  readonly weight: number
  readonly position: number
}

const shapes: ReadonlyArray<CodeShape> = [
  { name: "code block", weight: 3, signs: ["```", "~~~"], shape: /```|~~~\w/ },
  {
    name: "function definition",
    weight: 4,
    signs: ["(", "<"],
    shape: /\b(?:def|fn|func|function)[ \t]{1,8}[\w$]{1,80}[ \t]{0,8}[(<]|\bfunction[ \t]{0,4}\(/
  },
  {
    name: "assignment",
    weight: 3.5,
    signs: ["="],
    shape: /\b(?:const|let|var|final|auto|int|float|double|char|bool|String)[ \t]{1,8}[\w$]{1,80}[ \t]{0,8}=/
  },
  { name: "#include", weight: 4, signs: ["#"], shape: /#include\b/ },
  {
    name: "import line",
    weight: 3.5,
    signs: ["import "],
    shape: /^[ \t]{0,8}import [\w$]{1,60}(?:\.[\w$]{1,60}){0,6}(?: as \w{1,40})?;?[ \t]{0,8}$/m
  },
  {
    name: "import statement",
    weight: 3.5,
    signs: ["import ", "from ", "require("],
    shape: /\bimport (?:\{|\*|static |["'])|\bfrom [\w.]{1,80} import\b|\bfrom ["'][^"'\n]{1,80}["']|\brequire\(["']/
  },
  {
    name: "SQL statement",
    weight: 3.5,
    signs: ["SELECT", "select ", "INSERT INTO", "CREATE TABLE", "UPDATE "],
    shape:
      /\bSELECT\s[^;]{1,200}?\sFROM\s|\bselect [\w*,. ]{1,80} from \w{1,60} (?:where|group|order|inner|left|join)\b|\bINSERT INTO\b|\bCREATE TABLE\b|\bUPDATE \w{1,60} SET\b/
  },
  { name: "arrow function", weight: 2.5, signs: ["=>"], shape: /[)\w] ?=> ?[\w({[]/ },
  { name: "line that ends as code", weight: 1.5, signs: ["{", ";"], shape: /[\w)\]"'] ?[{;][ \t]{0,8}(?:\n|$)/ },
  {
    name: "class definition",
    weight: 3,
    signs: ["class ", "public "],
    shape:
      /^[ \t]{0,20}(?:public |export |abstract ){0,2}class \w{1,80}(?:\([\w., ]{0,80}\))? ?[:{]|\bpublic (?:static|class|void)\b/m
  },
  {
    name: "stack trace",
    weight: 4,
    signs: [":", "Traceback", 'File "'],
    mark: /Traceback|:\d|File "/,
    shape:
      /Traceback \(most recent call last\)|^[ \t]{1,8}at [^\n]{1,160}:\d{1,6}\)?[ \t]{0,8}$|^[ \t]{0,8}File "[^"\n]{1,200}", line \d/m
  },
  {
    name: "exception name",
    weight: 2.5,
    signs: ["Error", "Exception"],
    shape: /\b[A-Z][a-z]{1,30}(?:[A-Z][a-z]{1,30}){0,6}(?:Error|Exception)\b/
  },
  {
    name: "source file name",
    weight: 2.5,
    mark: /\.(?:py|js|mjs|ts|tsx|jsx|java|cpp|hpp|rs|go|rb|php|cs|sh|sql|html|css|json|ya?ml|toml|kt|swift|ipynb|c|h)\b/,
    shape:
      /\b[\w-]{2,60}\.(?:py|js|mjs|ts|tsx|jsx|java|cpp|hpp|rs|go|rb|php|cs|sh|sql|html|css|json|ya?ml|toml|kt|swift|ipynb|c|h)\b/
  },
  { name: "call", weight: 1.5, signs: ["()"], shape: /\b[a-zA-Z_]\w{1,60}\(\)/ },
  {
    name: "method call",
    weight: 1.5,
    signs: ["("],
    mark: /\.[a-z_]\w{0,40}\(/,
    shape: /\b[a-z_]\w{0,40}\.[a-z_]\w{0,40}\(/
  },
  {
    name: "identifier",
    weight: 1.2,
    mark: /[a-z](?:_[a-z]|[A-Z][a-z])/,
    shape: /(?<![@\w])(?:[a-z]{2,30}_[a-z]{2,30}|[a-z]{2,30}[A-Z][a-z]{2,30})\b/
  },
  {
    name: "markup tag",
    weight: 2,
    signs: ["<"],
    shape: /<\/?(?:div|span|html|body|script|a|p|ul|li|table|head|input|form|button|img)\b[^>\n]{0,120}>/i
  },
  {
    name: "shell command",
    weight: 3,
    shape:
      /\b(?:npm|npx|pip|git|docker|kubectl|apt|cargo|pnpm|yarn|brew|sudo) (?:install|run|add|commit|push|pull|clone|build|init|checkout|rebase|merge|apply|get|apt)\b|^[ \t]{0,4}\$ [a-z]/m
  }
]

/** The shapes of code in a text, each once, in the order of the list. */
export const codeShapesIn = (text: string): ReadonlyArray<FoundShape> => {
  const found: Array<FoundShape> = []
  for (const { mark, name, shape, signs, weight } of shapes) {
    if (signs !== undefined && !hasAny(text, signs)) continue
    if (mark !== undefined && !mark.test(text)) continue
    const position = text.search(shape)
    if (position >= 0) found.push({ name, weight, position })
  }
  return found
}

const hasAny = (text: string, signs: ReadonlyArray<string>): boolean => {
  for (const sign of signs) if (text.includes(sign)) return true
  return false
}
