package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// How long a session may stay without traffic, and how long its streams may take to come.
const (
	sessionIdle   = time.Minute
	streamTimeout = 30 * time.Second
)

// kubelet answers as a node does to the API server: sessions by the protocols of a container runtime, logs, metrics. Its
// containers run one program, which echoes.
type kubelet struct{}

// startKubelet gives the address on which the kubelet listens. The API server passes no request on to a loopback
// address, so it is the machine's own where there is one; only the API server's certificate opens it.
func startKubelet(t *testing.T, ca *authority) *net.TCPAddr {
	t.Helper()
	address := ownAddress(t)
	p := ca.issueFor(t, address, "system:node:node-1", "system:nodes")
	certificate, err := tls.X509KeyPair(p.certificate, p.key)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	k := kubelet{}
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", k.exec)
	mux.HandleFunc("/attach/{namespace}/{pod}/{container}", k.attach)
	mux.HandleFunc("/portForward/{namespace}/{pod}", k.portForward)
	mux.HandleFunc("/containerLogs/{namespace}/{pod}/{container}", k.text("ready to serve\n"))
	mux.HandleFunc("/run/{namespace}/{pod}/{container}", k.text("uid=0(root)\n"))
	mux.HandleFunc("/pods", k.text(`{"kind":"PodList","apiVersion":"v1","items":[]}`))
	mux.HandleFunc("/metrics", k.text("kubelet_running_pods 3\n"))
	mux.HandleFunc("/stats/summary", k.text("{}"))
	clients := x509.NewCertPool()
	clients.AddCert(ca.certificate)
	server := httptest.NewUnstartedServer(mux)
	server.Listener.Close()
	server.Listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(address.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
		NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().(*net.TCPAddr)
}

// ownAddress gives an IPv4 address of this machine that is not loopback, or loopback when there is no other.
func ownAddress(t *testing.T) net.IP {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP
		}
	}
	return net.IPv4(127, 0, 0, 1)
}

func (kubelet) text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func (k kubelet) exec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, r, k, r.PathValue("pod"), "", r.PathValue("container"), r.Form["command"], options,
		sessionIdle, streamTimeout, remotecommand.SupportedStreamingProtocols)
}

func (k kubelet) attach(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeAttach(w, r, k, r.PathValue("pod"), "", r.PathValue("container"), options,
		sessionIdle, streamTimeout, remotecommand.SupportedStreamingProtocols)
}

func (k kubelet) portForward(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, k, r.PathValue("pod"), "", options, sessionIdle, streamTimeout, portforward.SupportedProtocols)
}

// ExecInContainer prints the command that it was given.
func (kubelet) ExecInContainer(_ context.Context, _, _, _ string, command []string, _ io.Reader, out, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	_, err := io.WriteString(out, strings.Join(command, " ")+"\n")
	return err
}

// AttachContainer prints what is typed.
func (kubelet) AttachContainer(_ context.Context, _, _, _ string, in io.Reader, out, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize) error {
	if in == nil {
		_, err := io.WriteString(out, "attached\n")
		return err
	}
	_, err := io.Copy(out, in)
	return err
}

// PortForward answers the first bytes that come with the same bytes.
func (kubelet) PortForward(_ context.Context, _, _ string, _ int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	buffer := make([]byte, 1024)
	n, err := stream.Read(buffer)
	if err != nil {
		return err
	}
	_, err = io.Copy(stream, bytes.NewReader(buffer[:n]))
	return err
}
