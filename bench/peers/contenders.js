// The senders that people use today, each as its documentation has it. They
// are installed here alone, so that nothing else can come to need them.

const payload = (n) => ({ text: `event ${n}`, ...filler })

const filler = {
  type: "invoice.paid",
  data: { id: "in_1MtHbELkdIwHu7ixl4OzzPMv", amount: 4200, currency: "eur", lines: "x".repeat(400) }
}

export const contenders = {
  "discord.js WebhookClient": async ({ url }) => {
    const { WebhookClient } = await import("discord.js")
    const client = new WebhookClient(
      { id: "123456789012345678", token: "a".repeat(68) },
      { rest: { api: `${url}/discord`, globalRequestsPerSecond: Infinity } }
    )
    return (n) => client.send({ content: `event ${n} ${filler.data.lines}` })
  },
  "@slack/webhook": async ({ url }) => {
    const { IncomingWebhook } = await import("@slack/webhook")
    const webhook = new IncomingWebhook(`${url}/hook`)
    return (n) => webhook.send({ text: `event ${n} ${filler.data.lines}` })
  },
  "got": async ({ url }) => {
    const { default: got } = await import("got")
    return (n) =>
      got.post(`${url}/hook`, {
        json: payload(n),
        retry: { limit: 3, methods: ["POST"] },
        timeout: { request: 15_000 }
      })
  },
  "ky": async ({ url }) => {
    const { default: ky } = await import("ky")
    return async (n) =>
      (await ky.post(`${url}/hook`, { json: payload(n), retry: { limit: 3, methods: ["post"] }, timeout: 15_000 }))
        .text()
  },
  "axios + axios-retry": async ({ url }) => {
    const [{ default: axios }, { default: axiosRetry }] = await Promise.all([import("axios"), import("axios-retry")])
    const client = axios.create({ timeout: 15_000 })
    axiosRetry(client, { retries: 3, retryCondition: () => true })
    return (n) => client.post(`${url}/hook`, payload(n))
  }
}
