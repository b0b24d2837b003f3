/** Addresses that only this machine can use. */
import { BlockList, isIP } from "node:net"

const addresses = new BlockList()
addresses.addSubnet("127.0.0.0", 8)
addresses.addAddress("::1", "ipv6")

/** Whether a host name or address (IPv4, IPv6, IPv4 mapped into IPv6) is this machine's own. */
export const isLoopback = (host: string): boolean => {
  if (host.toLowerCase() === "localhost") return true
  const family = isIP(host)
  return family !== 0 && addresses.check(host, family === 6 ? "ipv6" : "ipv4")
}

/** What nearly every local caller says, without a port. */
const usualHosts: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"])

/** Whether a `Host` or `Origin` header names this machine. */
export const isLoopbackAuthority = (authority: string): boolean => {
  if (usualHosts.has(authority.replace(/:\d+$/, ""))) return true
  try {
    const { hostname } = new URL(authority.includes("://") ? authority : `http://${authority}`)
    return isLoopback(hostname.replace(/^\[|\]$/g, ""))
  } catch {
    return false
  }
}
