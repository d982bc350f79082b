import type { Layer } from "effect"
import { type ProxyProvider, type Transport, Transport as TransportModule } from "effect-webhooks"
import { NodeTransport } from "effect-webhooks/node"
import { describe, expect, it } from "tstyche"

describe("NodeTransport", () => {
  it("layer needs nothing", () => {
    expect(NodeTransport.layer()).type.toBe<Layer.Layer<Transport.Transport>>()
  })

  it("a proxied layer does not compile into a program without a provider", () => {
    expect(NodeTransport.layerProxied()).type.toBe<
      Layer.Layer<Transport.Transport, never, ProxyProvider.ProxyProvider>
    >()
    expect(TransportModule.layerHttpClientProxied).type.toBeCallableWith(() => {
      throw new Error("never called")
    })
  })
})
