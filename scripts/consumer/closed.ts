// Prints which of the paths in its arguments the package does not keep closed.
const isOpen = (path: string): Promise<boolean> =>
  import(path).then(() => true, (error) => error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED")

const paths = process.argv.slice(2)
const open = await Promise.all(paths.map(isOpen))
console.log(JSON.stringify(paths.filter((_, index) => open[index])))
