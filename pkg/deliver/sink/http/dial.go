package http

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"syscall"
)

// metadata are addresses outside of the link-local ones where clouds serve metadata to a machine: Amazon's and Google's
// by IPv6, Alibaba's, Oracle's old one, and Azure's agent.
var metadata = map[netip.Addr]bool{
	netip.MustParseAddr("fd00:ec2::254"):   true,
	netip.MustParseAddr("fd20:ce::254"):    true,
	netip.MustParseAddr("100.100.100.200"): true,
	netip.MustParseAddr("192.0.0.192"):     true,
	netip.MustParseAddr("168.63.129.16"):   true,
}

// nat64 is the prefix of IPv4 addresses that a gateway is asked for by IPv6 (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// isLocal tells that an address must not be connected to with BlockLocal.
func isLocal(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	return a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || metadata[a]
}

// refuseLocal is a net.Dialer's ControlContext. It sees the address after names were resolved, so that no name and no
// redirect gets around it.
func refuseLocal(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %q: %w", address, err)
	}
	if isLocal(to.Addr()) {
		return fmt.Errorf("%s is a link-local address or one where clouds serve metadata, and these are blocked", to.Addr())
	}
	return nil
}

// checkHost refuses what refuseLocal refuses for an address that a proxy would connect to.
func checkHost(u *url.URL) error {
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && isLocal(a) {
		return fmt.Errorf("%s is a link-local address or one where clouds serve metadata, and these are blocked", a)
	}
	return nil
}
