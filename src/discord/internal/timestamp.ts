import * as Schema from "effect/Schema"

const iso =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:[.,]\d+)?)?(?:Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?)?$/i

const days = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const daysOf = (year: number, month: number): number =>
  month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : days[month - 1]!

/**
 * An ISO 8601 date and time. Discord documents no more than that, so a missing
 * time or offset is its own to refuse.
 *
 * @internal
 */
export const timestamp = Schema.String.annotate({ expected: "an ISO 8601 date and time in a string" }).check(
  Schema.makeFilter((value: string) => {
    const found = iso.exec(value.trim())
    return found !== null && Number(found[3]) <= daysOf(Number(found[1]), Number(found[2]))
      ? undefined
      : "must be an ISO 8601 date and time, as in 2026-11-23T12:00:00Z"
  })
)
