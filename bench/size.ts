// What the library adds to a bundle: minified, gzipped, without Effect.
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Bytes of a bundle, minified and gzipped; all that is Effect's or Node's is left out. */
export const sizeOf = async (input: string): Promise<number> => {
  const bundle = await rolldown({
    input: path(input),
    external: [/^effect(\/|$)/, /^@effect\//, /^node:/],
    logLevel: "silent"
  })
  const { output } = await bundle.generate({ format: "esm", minify: true })
  return gzipSync(output.map((chunk) => chunk.type === "chunk" ? chunk.code : "").join(""), { level: 9 }).length
}

const inputs = {
  "a program that sends over fetch": "./size/fetch.ts",
  "every export of effect-webhooks": "../src/index.ts",
  "every export of effect-webhooks/discord": "../src/discord/index.ts"
} as const

export const measure = async () => {
  const value: Record<string, number> = {}
  for (const [name, input] of Object.entries(inputs)) value[name] = await sizeOf(input)
  return {
    value,
    text: "minified and gzipped, without Effect\n" +
      Object.entries(value).map(([name, size]) => `  ${name.padEnd(46)}${(size / 1000).toFixed(1).padStart(6)} kB`)
        .join("\n")
  }
}
