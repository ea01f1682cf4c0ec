package wiring

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Server is where the API server finds Saker.
type Server struct {
	// Host is a name or an address, Port a number.
	Host, Port string
	// Cluster is the name by which Saker knows the sender; empty for none.
	Cluster string
}

var (
	hostName    = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$`)
	clusterName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
)

// ParseServer reads an address as people write it: a URL https://HOST:PORT/k8s-audit/CLUSTER, or HOST, or HOST:PORT. What
// is left out is https, port 9765, and the path /k8s-audit; a URL without a port means 443, as everywhere. A cluster,
// unless empty, must not differ from the one of the URL.
func ParseServer(text, cluster string) (Server, error) {
	wrong := func(format string, args ...any) (Server, error) {
		return Server{}, fmt.Errorf("the server %q: %w", text, fmt.Errorf(format, args...))
	}
	port := "443"
	if !strings.Contains(text, "://") {
		port = defaultPort
		if strings.Count(text, ":") > 1 && !strings.HasPrefix(text, "[") {
			text = "[" + text + "]"
		}
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		var part *url.Error
		if errors.As(err, &part) {
			err = part.Err
		}
		return wrong("%w; write https://ADDRESS:9765/k8s-audit", err)
	}
	s := Server{Host: u.Hostname(), Port: u.Port()}
	if s.Port == "" {
		s.Port = port
	}
	switch number, err := strconv.Atoi(s.Port); {
	case u.Scheme != "https":
		return wrong("it must begin with https://, since audit events hold what the whole cluster does and a plain connection shows it to everyone on the way")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return wrong("a user, a query or a fragment means nothing here")
	case err != nil || number < 1 || number > 65535:
		return wrong("the port must be a number from 1 to 65535")
	}
	if err := checkHost(s.Host); err != nil {
		return wrong("%w", err)
	}
	if s.Cluster, err = clusterOf(u.Path, cluster); err != nil {
		return wrong("%w", err)
	}
	return s, nil
}

// checkHost checks a name or an address that a certificate can be for.
func checkHost(host string) error {
	if a, err := netip.ParseAddr(host); err == nil {
		if a.IsUnspecified() || a.Zone() != "" {
			return fmt.Errorf("%s is not an address that can be connected to from another machine", host)
		}
		return nil
	}
	if !hostName.MatchString(host) || len(host) > 253 {
		return fmt.Errorf("%q is neither an address nor a name of a host", host)
	}
	return nil
}

// clusterOf gives the cluster that a path and a flag name.
func clusterOf(path, cluster string) (string, error) {
	switch named, ok := strings.CutPrefix(path, pathPrefix+"/"); {
	case path == "" || path == "/" || path == pathPrefix:
	case !ok || named == "":
		return "", fmt.Errorf("the path is %s; it must be %s or %s/CLUSTER", path, pathPrefix, pathPrefix)
	case cluster != "" && cluster != named:
		return "", fmt.Errorf("the path names the cluster %q, --cluster %q", named, cluster)
	default:
		cluster = named
	}
	if cluster != "" && (!clusterName.MatchString(cluster) || len(cluster) > maxClusterName) {
		return "", fmt.Errorf("the cluster name %q must be made of a-z, 0-9, '-' and '.', begin and end with a letter or a digit, and be at most %d bytes long", cluster, maxClusterName)
	}
	return cluster, nil
}

// URL is the server in the form of a kubeconfig.
func (s Server) URL() string {
	u := url.URL{Scheme: "https", Host: net.JoinHostPort(s.Host, s.Port), Path: pathPrefix}
	if s.Cluster != "" {
		u.Path += "/" + s.Cluster
	}
	return u.String()
}

// listen is the address on which the receiver takes what is sent to the server.
func (s Server) listen() string {
	host := "0.0.0.0"
	if a, err := netip.ParseAddr(s.Host); err == nil {
		switch {
		case a.IsLoopback():
			host = s.Host
		case a.Is6():
			host = "::"
		}
	} else if s.Host == "localhost" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, s.Port)
}
