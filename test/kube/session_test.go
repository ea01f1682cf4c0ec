package kube

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
)

// protocol is how a session is carried. kubectl takes websockets and falls back to SPDY.
type protocol bool

const (
	websocket protocol = true
	spdy31    protocol = false
)

// exec runs a command in a pod, as kubectl exec does, and gives what it printed.
func (s *scene) exec(who, namespace, pod string, by protocol, command ...string) (string, error) {
	address := s.as(who).CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: "app", Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec).URL()
	return s.session(who, address, by, nil)
}

// attach types a text into the program of a pod and gives what it answered.
func (s *scene) attach(who, namespace, pod string, by protocol, typed string) (string, error) {
	address := s.as(who).CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("attach").
		VersionedParams(&corev1.PodAttachOptions{Container: "app", Stdin: true, Stdout: true}, scheme.ParameterCodec).URL()
	return s.session(who, address, by, strings.NewReader(typed))
}

func (s *scene) session(who string, address *url.URL, by protocol, in io.Reader) (string, error) {
	var executor remotecommand.Executor
	var err error
	if by == websocket {
		executor, err = remotecommand.NewWebSocketExecutor(s.config(who), http.MethodGet, address.String())
	} else {
		executor, err = remotecommand.NewSPDYExecutor(s.config(who), http.MethodPost, address)
	}
	s.ok(err)
	out := &bytes.Buffer{}
	options := remotecommand.StreamOptions{Stdin: in, Stdout: out}
	if in == nil {
		options.Stderr = &bytes.Buffer{}
	}
	err = executor.StreamWithContext(ctx(), options)
	return out.String(), err
}

// says ends the scene unless a session printed the text.
func (s *scene) says(text string) func(string, error) {
	return func(printed string, err error) {
		s.ok(err)
		if !strings.Contains(printed, text) {
			s.ok(fmt.Errorf("the session printed %q without %q", printed, text))
		}
	}
}

// forward sends a text through a tunnel to a port of a pod and has it come back.
func (s *scene) forward(who, namespace, pod string, by protocol) {
	address := s.as(who).CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	stop, ready := make(chan struct{}), make(chan struct{})
	var forwarder *portforward.PortForwarder
	if by == websocket {
		dialer, err := portforward.NewSPDYOverWebsocketDialer(address, s.config(who))
		s.ok(err)
		forwarder, err = portforward.New(dialer, []string{"0:8080"}, stop, ready, io.Discard, io.Discard)
		s.ok(err)
	} else {
		round, upgrader, err := spdy.RoundTripperFor(s.config(who))
		s.ok(err)
		dialer := spdy.NewDialer(upgrader, &http.Client{Transport: round}, http.MethodPost, address)
		forwarder, err = portforward.New(dialer, []string{"0:8080"}, stop, ready, io.Discard, io.Discard)
		s.ok(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		s.ok(errors.Join(errors.New("the tunnel did not open"), err))
	}
	ports, err := forwarder.GetPorts()
	s.ok(err)
	s.ok(echo(fmt.Sprintf("127.0.0.1:%d", ports[0].Local)))
	close(stop)
	s.ok(<-ended)
}

// echo sends a text and expects the same back.
func echo(address string) error {
	connection, err := (&net.Dialer{}).DialContext(ctx(), "tcp", address)
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, "ping"); err != nil {
		return err
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(connection, answer); err != nil || string(answer) != "ping" {
		return fmt.Errorf("the tunnel gave %q: %w", answer, errOrNone(err))
	}
	return nil
}
