// Imported ahead of a consumer, prints every module that it loads, and who loads it.
import { writeSync } from "node:fs"
import { registerHooks } from "node:module"

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context)
    writeSync(1, `${resolved.url} from ${context.parentURL}\n`)
    return resolved
  }
})
