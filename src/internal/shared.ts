/**
 * One value for each owner, which all that have the owner share.
 *
 * @internal
 */
export const sharedBy = <Owner extends object, A>(make: (owner: Owner) => A): (owner: Owner) => A => {
  const all = new WeakMap<Owner, A>()
  return (owner) => {
    let value = all.get(owner)
    if (value === undefined) all.set(owner, value = make(owner))
    return value
  }
}
