package audit

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
)

// Access says who may send events, beside what TLS asks for. The zero value lets everybody in. Both are needed when both
// are set. It is safe for concurrent use.
type Access struct {
	// Tokens gives the bearer tokens that are valid now; a request must show one of them. nil asks for no token; a
	// function that gives none refuses all. It is called for each request, by several goroutines at once.
	Tokens func() []string
	// Networks are those from which requests are taken; none for all. An IPv4 address is the same in both of its forms.
	Networks []netip.Prefix
	// Now, when it is set, is asked for each request what holds at this moment in place of the other members, which may
	// change in this way.
	Now func() *Access
}

// bearer is the scheme that a 401 asks for.
const bearer = `Bearer realm="audit"`

// check returns 0 when the request may come in, or else the status to answer with and why.
func (a *Access) check(req *http.Request) (code int, why string) {
	if a.Now != nil {
		return a.Now().check(req)
	}
	if len(a.Networks) > 0 && !a.allows(req.RemoteAddr) {
		return http.StatusForbidden, "requests from this address are not taken; add it to the allowed networks"
	}
	if a.Tokens == nil {
		return 0, ""
	}
	given := req.Header.Values("Authorization")
	if len(given) == 0 {
		return http.StatusUnauthorized, "a bearer token is needed in the header Authorization"
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	if len(given) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return http.StatusUnauthorized, "the header Authorization must be one bearer token"
	}
	if !known(a.Tokens(), strings.TrimLeft(token, " ")) {
		return http.StatusUnauthorized, "the bearer token is not a valid one"
	}
	return 0, ""
}

// known tells whether the token is one of tokens. It takes as long for a wrong token as for a right one, and as long
// for one that is nearly right: hashes are compared, and all of them.
func known(tokens []string, given string) bool {
	hash := sha256.Sum256([]byte(given))
	found := 0
	for _, token := range tokens {
		if token == "" {
			continue // an empty line must never let anybody in
		}
		want := sha256.Sum256([]byte(token))
		found |= subtle.ConstantTimeCompare(hash[:], want[:])
	}
	return found == 1
}

// allows tells whether an address as net/http gives it, with or without port, is in one of the networks.
func (a *Access) allows(remote string) bool {
	addr, ok := address(remote)
	if !ok {
		return false
	}
	for _, network := range a.Networks {
		if in := network.Addr(); in.Is4In6() && network.Bits() >= 96 {
			network = netip.PrefixFrom(in.Unmap(), network.Bits()-96)
		}
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// address is the address of a client as it is compared: without port and zone, IPv4 in its own form.
func address(remote string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(remote); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(remote)
	return addr.Unmap().WithZone(""), err == nil
}
