// Package netguard refuses connections a relay must not make: the address that
// is dialled is checked, not the name, so that neither DNS nor a redirect can
// point a target at a cloud's metadata service or into the house.
package netguard

import (
	"fmt"
	"net/netip"
	"syscall"
)

// Guard decides which addresses may be dialled. Link-local, metadata, multicast and unspecified addresses are always
// refused.
type Guard struct {
	// Private allows loopback and private networks, which an ERP in the house has.
	Private bool
}

// Error is a refused address.
type Error struct {
	// Addr that was to be dialled.
	Addr netip.Addr
	// Private says that `private: true` would allow it.
	Private bool
}

// Error says which address was refused and why.
func (e *Error) Error() string {
	if e.Private {
		return fmt.Sprintf("address %s is private; allow it with private: true on the target", e.Addr)
	}
	return fmt.Sprintf("address %s is never allowed (link-local, metadata or multicast)", e.Addr)
}

// Control is for net.Dialer.Control: it is called with the resolved address, before connecting.
func (g Guard) Control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address to dial: %w", err)
	}
	return g.Check(ap.Addr())
}

// Check returns an *Error if addr may not be dialled.
func (g Guard) Check(addr netip.Addr) error {
	addr = addr.WithZone("")
	for _, a := range []netip.Addr{addr, embedded(addr)} {
		switch {
		case !a.IsValid():
		case forbidden(a):
			return &Error{Addr: addr}
		case !g.Private && private(a):
			return &Error{Addr: addr, Private: true}
		}
	}
	return nil
}

// embedded is the IPv4 address an IPv6 address leads to: mapped (::ffff:0:0/96), NAT64 (RFC 6052) or 6to4 (RFC 3056).
func embedded(a netip.Addr) netip.Addr {
	b := a.As16()
	switch {
	case a.Is4() || a.IsLoopback():
		return netip.Addr{}
	case a.Is4In6():
		return a.Unmap()
	case within(a, "64:ff9b::/96", "64:ff9b:1::/48", "::/96"):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case within(a, "2002::/16"):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return netip.Addr{}
}

func forbidden(a netip.Addr) bool {
	return a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || within(a,
		"0.0.0.0/8", "240.0.0.0/4",
		"fd00:ec2::/32",      // AWS metadata and services
		"fd20:ce::254/128",   // Google Cloud metadata
		"100.100.100.200/32", // Alibaba Cloud metadata
		"192.0.0.192/32",     // Oracle Cloud metadata
		"168.63.129.16/32",   // Azure wire server
	)
}

func private(a netip.Addr) bool {
	return a.IsLoopback() || a.IsPrivate() || within(a,
		"100.64.0.0/10",                 // carrier-grade NAT, RFC 6598
		"192.0.0.0/24", "198.18.0.0/15", // protocol assignments, benchmarks
		"192.88.99.0/24", "64:ff9b:1::/48", // 6to4 relays, local NAT64
		"fec0::/10", // site-local, deprecated
	)
}

func within(a netip.Addr, prefixes ...string) bool {
	for _, p := range prefixes {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}
