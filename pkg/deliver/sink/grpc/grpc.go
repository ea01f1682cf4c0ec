// Package grpc is the sink from which clients take alerts by gRPC: the services outputs and version that Falco had up
// to 0.43.
//
// Alerts wait in the queue of the sink until a client takes them, and each goes to one client. The protocol has no
// acknowledgement: an alert counts as delivered when it is handed to the connection of a client that is there as far as
// gRPC can tell. What a client that dies at that moment does not read any more is lost to it; a client that is gone
// without a word is noticed after keepaliveTime and keepaliveTimeout at most.
//
// A batch is acknowledged when clients took all of it, which may be hours after they took its first alert. With batches
// of one alert the counts are right at every moment and a killed program repeats one alert at most; larger ones are not
// faster (BenchmarkOutputs).
package grpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/grpc/outputs"
	"github.com/saker-security/saker/pkg/deliver/sink/grpc/version"
)

// Limits of the server. The greatest message is what clients take unless they are told otherwise.
const (
	maxMessage       = 4 << 20
	maxRequest       = 64 << 10
	maxStreams       = 64 // of a connection
	maxConnections   = 128
	maxHeaders       = 16 << 10
	handshakeTimeout = 10 * time.Second
	keepaliveTime    = 15 * time.Second
	keepaliveTimeout = 10 * time.Second
	// lull is for how long nothing comes until a call of get has everything that waits. The worker that sends takes
	// the next alerts from the queue in less.
	lull = 250 * time.Millisecond
	// closeTime is how long clients have to take what was sent to them.
	closeTime = time.Second
)

// errClosed is what Send fails with when the sink is closed.
var errClosed = errors.New("the grpc server is closed")

// Sink is the server. Send waits for clients; it may be called by several goroutines at once. Its time-out should be
// none, because that nobody asks for alerts is no failure.
type Sink struct {
	outputs.UnimplementedServiceServer
	render deliver.Render
	server *grpc.Server
	listen *listener
	offers chan *offer
	// closing is closed by Close, ended after the server has ended with err.
	closing, ended chan struct{}
	err            error
}

// offer is an alert for whichever client takes it.
type offer struct {
	message *outputs.Response
	// time is that of the alert, in nanoseconds.
	time int64
	// result gets one value: nil when the alert was sent. It has room for it.
	result chan error
}

// New starts the server. render makes the line of text that is part of a message. Errors name the key of the
// configuration.
func New(s Settings, render deliver.Render, v Version) (*Sink, error) {
	l, credentials, err := open(s)
	if err != nil {
		return nil, err
	}
	k := &Sink{render: render, listen: l, offers: make(chan *offer), closing: make(chan struct{}), ended: make(chan struct{})}
	k.server = grpc.NewServer(
		grpc.Creds(credentials),
		grpc.MaxRecvMsgSize(maxRequest), grpc.MaxSendMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(maxStreams), grpc.MaxHeaderListSize(maxHeaders),
		grpc.ConnectionTimeout(handshakeTimeout), grpc.WaitForHandlers(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)
	outputs.RegisterServiceServer(k.server, k)
	version.RegisterServiceServer(k.server, versionService{response: v.response()})
	go func() {
		defer close(k.ended)
		k.err = k.server.Serve(l)
	}()
	return k, nil
}

// Send gives each alert to a client, and waits until there is one.
func (k *Sink) Send(ctx context.Context, batch []*alert.Alert) error {
	for i, a := range batch {
		if err := k.send(ctx, a); err != nil {
			if i > 0 {
				return &deliver.Partial{Done: i, Err: err}
			}
			return err
		}
	}
	return nil
}

func (k *Sink) send(ctx context.Context, a *alert.Alert) error {
	o := &offer{message: message(a, k.render), time: a.Time}
	if size := proto.Size(o.message); size > maxMessage {
		return &deliver.Refused{Err: fmt.Errorf("the alert takes %d bytes, and clients take messages of %d", size, maxMessage)}
	}
	for {
		o.result = make(chan error, 1)
		select {
		case k.offers <- o:
		case <-ctx.Done():
			return fmt.Errorf("no client took the alert: %w", ctx.Err())
		case <-k.closing:
			return errClosed
		case <-k.ended:
			return fmt.Errorf("the grpc server ended: %w", k.err)
		}
		select {
		case err := <-o.result:
			if err == nil {
				return nil
			}
			// The client went away. The next one gets it.
		case <-ctx.Done():
			return fmt.Errorf("a client takes the alert too slowly: %w", ctx.Err())
		}
	}
}

// Sub is the call sub: alerts until the client ends the call, or ends its side of the stream; then what waits is sent.
func (k *Sink) Sub(stream grpc.BidiStreamingServer[outputs.Request, outputs.Response]) error {
	done := make(chan error, 1)
	go func() {
		for {
			// Clients repeat their request to show that they are there.
			if _, err := stream.Recv(); err != nil {
				done <- err
				return
			}
		}
	}()
	for {
		select {
		case o := <-k.offers:
			if err := o.sendTo(stream); err != nil {
				return err
			}
		case err := <-done:
			if errors.Is(err, io.EOF) {
				return k.sendWaiting(stream)
			}
			return err
		case <-k.closing:
			return status.Error(codes.Unavailable, errClosed.Error())
		}
	}
}

// Get is the call get: the alerts that wait.
func (k *Sink) Get(_ *outputs.Request, stream grpc.ServerStreamingServer[outputs.Response]) error {
	return k.sendWaiting(stream)
}

// sendWaiting sends what waits: until nothing comes any more, or an alert that is younger than the call.
func (k *Sink) sendWaiting(to sender) error {
	start := time.Now().UnixNano()
	timer := time.NewTimer(lull)
	defer timer.Stop()
	for {
		select {
		case o := <-k.offers:
			if err := o.sendTo(to); err != nil || o.time >= start {
				return err
			}
			timer.Reset(lull)
		case <-timer.C:
			return nil
		case <-to.Context().Done():
			return status.FromContextError(to.Context().Err()).Err()
		case <-k.closing:
			return status.Error(codes.Unavailable, errClosed.Error())
		}
	}
}

// sender is the stream to a client.
type sender interface {
	Context() context.Context
	Send(*outputs.Response) error
}

// sendTo sends the alert to a client and tells whoever offered it.
func (o *offer) sendTo(to sender) error {
	err := to.Context().Err()
	if err == nil {
		err = to.Send(o.message)
	}
	o.result <- err
	return err
}

// Close ends the server. Clients get what was sent to them, for a short time.
func (k *Sink) Close() error {
	close(k.closing)
	timer := time.AfterFunc(closeTime, k.server.Stop)
	k.server.GracefulStop()
	timer.Stop()
	<-k.ended
	return k.listen.release()
}
