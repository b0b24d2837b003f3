/** Twelve tools as a coding agent attaches them to every turn. */

const parameter = (description: string) => ({ type: "string", description })

const tool = (name: string, description: string, parameters: Readonly<Record<string, string>>) => ({
  type: "function",
  function: {
    name,
    description: `${description} Use it only when the answer is not in the conversation already. Paths are relative to the root of the workspace; a path outside of it is refused, and the refusal says why.`,
    parameters: {
      type: "object",
      properties: Object.fromEntries(Object.entries(parameters).map(([key, text]) => [key, parameter(text)])),
      required: Object.keys(parameters).slice(0, 1),
      additionalProperties: false
    }
  }
})

export const agentTools = [
  tool("read", "Reads a file.", { path: "The file", from: "First line, counted from 1", to: "Last line" }),
  tool("write", "Writes a file, all of it.", { path: "The file", content: "Its new content" }),
  tool("edit", "Replaces one passage of a file.", { path: "The file", old: "The passage", new: "What replaces it" }),
  tool("list", "Lists a folder.", { path: "The folder", depth: "How deep to look" }),
  tool("find", "Finds files by their name.", { pattern: "A glob", path: "Where to look" }),
  tool("grep", "Finds lines by a pattern.", { pattern: "A regular expression", path: "Where to look" }),
  tool("run", "Runs a command.", { command: "The command", timeout: "Seconds that it has" }),
  tool("fetch", "Fetches a page.", { url: "Its address", format: "markdown, text or html" }),
  tool("search", "Searches the web.", { query: "The words", count: "How many results" }),
  tool("message", "Sends a message to a person.", { to: "Whom", text: "What" }),
  tool("remember", "Keeps a fact for later conversations.", { fact: "The fact", topic: "What it is about" }),
  tool("plan", "Notes the steps that are left.", { steps: "One step a line", done: "Those that are done" })
]
