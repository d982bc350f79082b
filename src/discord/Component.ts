/**
 * Components of a message: buttons, selects, and the layout of Components V2.
 *
 * A component is Discord's own JSON with its numeric types: `type: 1` an action
 * row, `2` a button, `3` and `5` to `8` a select, `9` a section, `10` a text
 * display, `11` a thumbnail, `12` a media gallery, `13` a file, `14` a
 * separator, `17` a container.
 *
 * Without `Message.Flags.IsComponentsV2` a message takes action rows only. A
 * webhook that no application owns needs `with_components` in its query, else
 * Discord drops components without a word, and it may send link buttons but
 * nothing that somebody can interact with.
 *
 * **Example** (A message of components)
 *
 * ```ts
 * import { Component, Message } from "effect-webhooks/discord"
 *
 * const message = Message.make({
 *   flags: Message.Flags.IsComponentsV2,
 *   components: [
 *     Component.make({ type: 10, content: "**Deployed** 1.4.0" }),
 *     Component.make({ type: 1, components: [{ type: 2, style: 5, label: "Open", url: "https://example.com" }] })
 *   ]
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type * as Schema from "effect/Schema"
import type { InvalidPayload } from "../WebhookError.ts"
import * as wire from "./internal/component.ts"
import { treeRule } from "./internal/componentTree.ts"
import { type Buildable, constructors, ruled } from "./internal/payload.ts"

interface Base {
  /** Unique in the message; 0 is the same as none. */
  readonly id?: number | null | undefined
}

interface BaseButton extends Base {
  readonly type: 2
  readonly disabled?: boolean | null | undefined
}

interface Labelled extends BaseButton {
  /** At most 80 characters; a button has a label or an emoji or both. */
  readonly label?: string | null | undefined
  readonly emoji?: Emoji | null | undefined
}

/**
 * A custom emoji by its id, a Unicode one by its name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Emoji {
  readonly id?: string | null | undefined
  readonly name?: string | null | undefined
  readonly animated?: boolean | null | undefined
}

/**
 * A button that opens a URL, the only kind that every webhook may send.
 *
 * @category models
 * @since 0.1.0
 */
export interface LinkButton extends Labelled {
  readonly style: 5
  /** http, https or `discord://`, at most 512 characters. */
  readonly url: string
}

/**
 * A button that tells the application that owns the webhook.
 *
 * @category models
 * @since 0.1.0
 */
export interface InteractiveButton extends Labelled {
  readonly style: 1 | 2 | 3 | 4
  /** 1 to 100 characters, unique in the message. */
  readonly custom_id: string
}

/**
 * A button that sells; for webhooks that an application owns.
 *
 * @category models
 * @since 0.1.0
 */
export interface PremiumButton extends BaseButton {
  readonly style: 6
  readonly sku_id: string
}

/**
 * A button.
 *
 * @category models
 * @since 0.1.0
 */
export type Button = LinkButton | InteractiveButton | PremiumButton

interface BaseSelect extends Base {
  /** 1 to 100 characters, unique in the message. */
  readonly custom_id: string
  /** At most 150 characters. */
  readonly placeholder?: string | null | undefined
  /** 0 to 25. */
  readonly min_values?: number | null | undefined
  /** 1 to 25. */
  readonly max_values?: number | null | undefined
  readonly disabled?: boolean | null | undefined
}

/**
 * A select with its own options; for webhooks that an application owns.
 *
 * @category models
 * @since 0.1.0
 */
export interface StringSelect extends BaseSelect {
  readonly type: 3
  /** 1 to 25. */
  readonly options: ReadonlyArray<{
    /** 1 to 100 characters. */
    readonly label: string
    /** 1 to 100 characters. */
    readonly value: string
    /** At most 100 characters. */
    readonly description?: string | null | undefined
    readonly emoji?: Emoji | null | undefined
    readonly default?: boolean | null | undefined
  }>
}

/**
 * A select of users, roles, mentionables or channels; for webhooks that an
 * application owns.
 *
 * @category models
 * @since 0.1.0
 */
export interface EntitySelect extends BaseSelect {
  readonly type: 5 | 6 | 7 | 8
  /** At most 25. */
  readonly default_values?:
    | ReadonlyArray<{ readonly id: string; readonly type: "user" | "role" | "channel" }>
    | null
    | undefined
  /** For channel selects. */
  readonly channel_types?: ReadonlyArray<number> | null | undefined
}

/**
 * 1 to 5 buttons, or one select.
 *
 * @category models
 * @since 0.1.0
 */
export interface ActionRow extends Base {
  readonly type: 1
  readonly components: ReadonlyArray<Button> | readonly [StringSelect | EntitySelect]
}

/**
 * Markdown text.
 *
 * @category models
 * @since 0.1.0
 */
export interface TextDisplay extends Base {
  readonly type: 10
  /** 1 to 4000 characters, and 4000 over all text displays of a message. */
  readonly content: string
}

/**
 * A small image beside a section.
 *
 * @category models
 * @since 0.1.0
 */
export interface Thumbnail extends Base {
  readonly type: 11
  /** http, https or `attachment://`. */
  readonly media: { readonly url: string }
  /** 1 to 1024 characters. */
  readonly description?: string | null | undefined
  readonly spoiler?: boolean | null | undefined
}

/**
 * 1 to 3 texts beside a button or a thumbnail.
 *
 * @category models
 * @since 0.1.0
 */
export interface Section extends Base {
  readonly type: 9
  readonly components: ReadonlyArray<TextDisplay>
  readonly accessory: Button | Thumbnail
}

/**
 * 1 to 10 images or videos.
 *
 * @category models
 * @since 0.1.0
 */
export interface MediaGallery extends Base {
  readonly type: 12
  readonly items: ReadonlyArray<{
    /** http, https or `attachment://`. */
    readonly media: { readonly url: string }
    /** 1 to 1024 characters. */
    readonly description?: string | null | undefined
    readonly spoiler?: boolean | null | undefined
  }>
}

/**
 * An uploaded file.
 *
 * @category models
 * @since 0.1.0
 */
export interface File extends Base {
  readonly type: 13
  /** `attachment://` and the name of an uploaded file. */
  readonly file: { readonly url: string }
  readonly spoiler?: boolean | null | undefined
}

/**
 * A line, or only a distance.
 *
 * @category models
 * @since 0.1.0
 */
export interface Separator extends Base {
  readonly type: 14
  readonly divider?: boolean | null | undefined
  readonly spacing?: 1 | 2 | null | undefined
}

/**
 * A box around other components, which may not be containers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Container extends Base {
  readonly type: 17
  readonly components: ReadonlyArray<ActionRow | Section | TextDisplay | MediaGallery | File | Separator>
  /** 0 to 0xffffff. */
  readonly accent_color?: number | null | undefined
  readonly spoiler?: boolean | null | undefined
}

/**
 * What may stand at the top of a message.
 *
 * @category models
 * @since 0.1.0
 */
export type TopLevel = ActionRow | Section | TextDisplay | MediaGallery | File | Separator | Container

/**
 * Any component of a message.
 *
 * @category models
 * @since 0.1.0
 */
export type Component = TopLevel | Button | StringSelect | EntitySelect | Thumbnail

/**
 * The schema of any component of a message.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Component: Schema.Codec<Component> = ruled(
  // The rule is what tells the kinds of buttons and the contents of a row apart.
  wire.component as Schema.Codec<any> as Schema.Codec<Component>,
  (input, report) => treeRule([input], ([_, ...path], message) => report(path, message))
)

const constructed = constructors<Buildable<Component>, Component>(Component, identity)

/**
 * Makes a component; throws `InvalidPayload` with every violation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <C extends Component>(input: C): C
  (input: Buildable<Component>): Component
} = constructed.make as typeof make

/**
 * Makes a component; fails with `InvalidPayload`, which has every violation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeEffect: {
  <C extends Component>(input: C): Effect.Effect<C, InvalidPayload>
  (input: Buildable<Component>): Effect.Effect<Component, InvalidPayload>
} = constructed.makeEffect as typeof makeEffect
