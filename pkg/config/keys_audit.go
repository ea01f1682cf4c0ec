package config

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

var auditKeys = []Key{
	key("audit.listen", "127.0.0.1:9765", listenAddress, func(c *Config) *string { return &c.Audit.Listen },
		"Address and port of the receiver of Kubernetes audit events; empty for no receiver. Beyond loopback it needs audit.tls_client_ca, audit.token_file or audit.allowed_networks.").ours(),
	key("audit.path", "/k8s-audit", urlPath, func(c *Config) *string { return &c.Audit.Path },
		"Path of the receiver. PATH/CLUSTER names the cluster that sends, for ka.cluster.name.").ours(),
	key("audit.tls_certificate", "", text, func(c *Config) *string { return &c.Audit.Certificate },
		"PEM file with the receiver's certificate chain; with audit.tls_key it makes the receiver speak HTTPS. The files of TLS are read again when they change.").ours(),
	key("audit.tls_key", "", text, func(c *Config) *string { return &c.Audit.Key }, "PEM file with the private key of audit.tls_certificate.").ours(),
	key("audit.tls_client_ca", "", text, func(c *Config) *string { return &c.Audit.ClientCA },
		"PEM file with the authorities of which a sender must show a client certificate; without it none is asked for.").ours(),
	key("audit.token_file", "", text, func(c *Config) *string { return &c.Audit.TokenFile },
		"File with the bearer tokens of which a sender must show one: one on a line, blank lines and lines that begin with # do not count. It is read again when it changes.").ours(),
	key("audit.allowed_networks", "[]", networks, func(c *Config) *[]netip.Prefix { return &c.Audit.Networks },
		"Networks and addresses from which requests are taken; empty for all.").ours(),
	key("audit.allow_unauthenticated", "false", boolean, func(c *Config) *bool { return &c.Audit.AllowUnauthenticated },
		"Listen beyond loopback although neither client certificates nor tokens nor networks keep anybody away: whoever reaches the port can make alerts up, and hold the receiver up.").ours(),
	key("audit.max_body_bytes", "1GiB", size, func(c *Config) *int64 { return &c.Audit.MaxBody },
		"Largest request body, a last resort: a larger one is answered with 413, and the API server then drops the batch.").ours(),
	key("audit.max_event_bytes", "4MiB", sizeFrom(1024), func(c *Config) *int64 { return &c.Audit.MaxEvent },
		"Longest event that keeps its request and response object. Longer ones lose both, have ka.truncated, are counted, and are evaluated.").ours(),
	key("audit.duplicate_time", "10m", duration, func(c *Config) *time.Duration { return &c.Audit.DuplicateTime },
		"How long an event is remembered, so that one that is sent again gives no second alert. The API server tries for about four minutes.").ours(),
	key("audit.duplicate_events", "1000000", integer(1000, 16_000_000), func(c *Config) *int { return &c.Audit.DuplicateEvents },
		"How many events are remembered for that at most.").ours(),
	structured("audit.files", "a list of paths, or of entries such as {path: /var/log/kubernetes/audit.log, cluster: NAME, from_end: false, once: false}", true,
		setAuditFiles, showAuditFiles, refer("audit_files"),
		"Audit logs, and directories with such logs, that are read beside the receiver and followed through rotation; where reading stopped is kept in data_dir. "+
			"cluster is what ka.cluster.name answers, from_end skips what is there at the first start, once reads what is there and does not wait for more.").ours(),
}

// listenAddress is a hostPort, or nothing for not listening.
var listenAddress = single(hostPort.what+", or empty for none", func(s string) (string, bool) {
	if s == "" {
		return "", true
	}
	_, err := hostPort.read(&value{scalar: s})
	return s, err == nil
}, itself, either(schema{"const": ""}, refer("host_port")))

// networks are addresses with the length of their prefix, or without for one address.
var networks = form[[]netip.Prefix]{"a list of networks and addresses, such as 10.0.0.0/8, 192.0.2.7 or fd00::/8", func(v *value) ([]netip.Prefix, error) {
	list, err := texts.read(v)
	if err != nil {
		return nil, err
	}
	var out []netip.Prefix
	var errs []error
	for i, s := range list {
		p, err := parseNetwork(s)
		if err != nil {
			item := v
			if v.list != nil {
				item = v.list[i]
			}
			errs = append(errs, item.wrap(fmt.Sprintf("audit.allowed_networks[%d]", i), err))
		}
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}, func(list []netip.Prefix) any {
	out := []string{}
	for _, p := range list {
		if p.IsSingleIP() {
			out = append(out, p.Addr().String())
		} else {
			out = append(out, p.String())
		}
	}
	return out
}, refer("networks")}

// parseNetwork reads a network or an address. An IPv4 address in the form of IPv6 is the IPv4 address.
func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || p.Addr().Is4In6():
		return p, fmt.Errorf("%s is not allowed, write a network such as 10.0.0.0/8 or fd00::/8, or an address such as 192.0.2.7", shown(s))
	case p != p.Masked():
		return p, fmt.Errorf("%s has bits set behind its prefix, write %s for that network or %s for the address", shown(s), p.Masked(), p.Addr())
	}
	return p, nil
}

// maxAuditFiles bounds audit.files: each entry is read at the same time as the others.
const maxAuditFiles = 1000

// setAuditFiles reads the key audit.files.
func setAuditFiles(c *Config, v *value) error {
	c.Audit.Files = nil
	items := v.list
	if items == nil {
		items = []*value{v}
	}
	if len(items) > maxAuditFiles {
		return fmt.Errorf("has %d entries, which is more than %d; name a directory", len(items), maxAuditFiles)
	}
	var errs []error
	for i, item := range items {
		at := fmt.Sprintf("audit.files[%d]", i)
		f, err := c.auditFile(item, at)
		if err != nil {
			errs = append(errs, item.wrap(at, err))
			continue
		}
		if twice := c.sameFile(f.Path); twice >= 0 {
			errs = append(errs, item.wrap(at, fmt.Errorf("%s is number %d of the list already", shown(f.Path), twice)))
		}
		c.Audit.Files = append(c.Audit.Files, f)
	}
	return errors.Join(errs...)
}

// sameFile gives the number of the file with a path, -1 for none.
func (c *Config) sameFile(path string) int {
	return slices.IndexFunc(c.Audit.Files, func(f AuditFile) bool { return filepath.Clean(f.Path) == filepath.Clean(path) })
}

// auditFile reads one entry of audit.files.
func (c *Config) auditFile(v *value, at string) (f AuditFile, err error) {
	if v.keys == nil {
		if f.Path, err = scalar(v); err == nil && strings.TrimSpace(f.Path) == "" {
			err = errors.New("must be a path, or {path: PATH, cluster: NAME, from_end: true}")
		}
		return f, err
	}
	c.warnOthers(v, at, "path", "cluster", "from_end", "once")
	if f.Path, err = v.text("path"); err != nil {
		return f, err
	}
	if f.Cluster, err = v.text("cluster"); err != nil {
		return f, err
	}
	for _, flag := range []struct {
		name string
		to   *bool
	}{{"from_end", &f.FromEnd}, {"once", &f.Once}} {
		if item := v.keys[flag.name]; item.given() {
			if *flag.to, err = truth(item); err != nil {
				return f, item.wrap(at+"."+flag.name, err)
			}
		}
	}
	switch {
	case strings.TrimSpace(f.Path) == "":
		return f, errors.New("has no path")
	case f.FromEnd && f.Once:
		return f, errors.New("from_end and once are both true: nothing would be read")
	}
	return f, nil
}

func showAuditFiles(c *Config) any {
	out := []any{}
	for _, f := range c.Audit.Files {
		entry := map[string]any{"path": f.Path}
		if f.Cluster != "" {
			entry["cluster"] = f.Cluster
		}
		if f.FromEnd {
			entry["from_end"] = true
		}
		if f.Once {
			entry["once"] = true
		}
		out = append(out, entry)
	}
	return out
}
