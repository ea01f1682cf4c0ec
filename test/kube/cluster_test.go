package kube

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Where the programs are; run.sh says it.
var (
	serversDir = flag.String("servers", "", "directory with the programs kube-apiserver and etcd, as build.sh prints it")
	saker      = flag.String("saker", "../../bin/saker", "the program under test")
	rules      = flag.String("rules", "", "rules file or directory in place of the rules built in")
	dump       = flag.String("dump", "", "write the events of each scenario into this directory, as JSON lines")
)

// The nodes of the cluster. Only the first one has a kubelet that answers.
const (
	node      = "node-1"
	otherNode = "node-2"
)

// people are the identities with certificates and their groups. Those of the control plane and of administrators are the
// ones that kubeadm makes.
var people = map[string][]string{
	"kubernetes-super-admin":         {"system:masters"},
	"kubernetes-admin":               {"kubeadm:cluster-admins"},
	"system:kube-controller-manager": nil,
	"system:kube-scheduler":          nil,
	"system:node:node-1":             {"system:nodes"},
	"system:node:node-2":             {"system:nodes"},
	// alice develops in the namespace shop, which she may edit.
	"alice": {"developers"},
	// otto keeps the cluster running: he may do nearly everything, by cluster-admin.
	"otto": {"operators"},
	// mallory took over an operator's certificate.
	"mallory": {"operators"},
	// eve has an account that may do a little.
	"eve": {"contractors"},
}

// anonymous is who shows no certificate and no token.
const anonymous = "system:anonymous"

// cluster is a running API server and what it takes to talk to it.
type cluster struct {
	ca      *authority
	url     string
	dir     string
	kubelet *net.TCPAddr
	server  *process
	// receiver is the address of the webhook.
	receiver string
	// auditLog is the API server's own log of audit events, which has what the webhook gets.
	auditLog     string
	certificates map[string]pair
	tokens       map[string]string
}

// startCluster starts the servers; audit events go where the wiring says, and to a log.
func startCluster(t *testing.T, dir string, ca *authority, w wiring) *cluster {
	t.Helper()
	c := &cluster{ca: ca, dir: dir, receiver: w.receiver, certificates: map[string]pair{}, tokens: map[string]string{}}
	for name, groups := range people {
		c.certificates[name] = ca.issue(t, name, groups...)
	}
	c.kubelet = startKubelet(t, ca)
	client, peer := "http://127.0.0.1:"+freePort(t), "http://127.0.0.1:"+freePort(t)
	etcd := start(t, dir, filepath.Join(*serversDir, "etcd"), "--data-dir", filepath.Join(dir, "etcd-data"), "--unsafe-no-fsync", "--log-level=error",
		"--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer)
	eventually(t, "etcd answers", time.Minute, etcd.running(t, func() error { return healthy(client + "/readyz") }))
	c.startServer(t, client, w.flags(t))
	return c
}

func (c *cluster) startServer(t *testing.T, etcd string, audit []string) {
	t.Helper()
	port := freePort(t)
	c.url = "https://127.0.0.1:" + port
	c.auditLog = filepath.Join(c.dir, "audit.log")
	authority := write(t, c.dir, "cluster-ca.crt", c.ca.pem)
	certificate, key := c.ca.issue(t, "kube-apiserver").write(t, c.dir, "apiserver")
	// Since Kubernetes 1.29 kubeadm gives this identity to the API server for its own calls to kubelets.
	kubeletCertificate, kubeletKey := c.ca.issue(t, "kube-apiserver-kubelet-client", "kubeadm:cluster-admins").write(t, c.dir, "kubelet-client")
	signer := newKey(t)
	signerKey := write(t, c.dir, "sa.key", keyPEM(t, signer))
	signerPublic := write(t, c.dir, "sa.pub", publicPEM(t, signer))
	args := []string{
		"--etcd-servers=" + etcd, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port=" + port,
		"--tls-cert-file=" + certificate, "--tls-private-key-file=" + key, "--client-ca-file=" + authority,
		"--kubelet-certificate-authority=" + authority, "--kubelet-client-certificate=" + kubeletCertificate,
		"--kubelet-client-key=" + kubeletKey, "--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local", "--service-account-key-file=" + signerPublic,
		"--service-account-signing-key-file=" + signerKey, "--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--enable-bootstrap-token-auth=true",
		"--endpoint-reconciler-type=none", "--audit-log-path=" + c.auditLog, "--audit-log-mode=blocking", "--v=0",
	}
	// The log cuts long events as the webhook does: otherwise they differ, and so do the ids of their alerts.
	for _, flag := range audit {
		if limit, found := strings.CutPrefix(flag, "--audit-webhook-truncate-"); found {
			args = append(args, "--audit-log-truncate-"+limit)
		}
	}
	c.server = start(t, c.dir, filepath.Join(*serversDir, "kube-apiserver"), append(args, audit...)...)
	admin := c.client(t, "kubernetes-super-admin")
	eventually(t, "the API server is ready", 2*time.Minute, c.server.running(t, func() error {
		_, err := admin.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(t.Context())
		return err
	}))
}

// config says how somebody reaches the API server: by a certificate, by a service account's token, or without any.
func (c *cluster) config(who string) *rest.Config {
	config := &rest.Config{Host: c.url, QPS: -1, Timeout: 30 * time.Second, UserAgent: userAgent(who)}
	config.CAData = c.ca.pem
	if p, ok := c.certificates[who]; ok {
		config.CertData, config.KeyData = p.certificate, p.key
	} else if who != anonymous {
		config.BearerToken = c.tokens[who]
	}
	return config
}

// client gives the client of somebody outside all scenarios.
func (c *cluster) client(t *testing.T, who string) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(c.config(who))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// userAgent is what the program that an identity uses says of itself.
func userAgent(who string) string {
	const build = "/v1.36.3 (linux/amd64) kubernetes/0000000"
	switch {
	case strings.HasPrefix(who, "system:node:"):
		return "kubelet" + build
	case who == "system:kube-scheduler":
		return "kube-scheduler" + build + "/scheduler"
	case who == "system:kube-controller-manager":
		return "kube-controller-manager" + build
	case strings.HasPrefix(who, controllers):
		return "kube-controller-manager" + build + "/system:" + strings.TrimPrefix(who, controllers)
	case strings.HasPrefix(who, "system:serviceaccount:"):
		return "app/1.0"
	default:
		return "kubectl" + build
	}
}

func healthy(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// need fails the test when a program is missing.
func need(t *testing.T) {
	t.Helper()
	for _, program := range []string{*saker, filepath.Join(*serversDir, "etcd"), filepath.Join(*serversDir, "kube-apiserver")} {
		if _, err := os.Stat(program); err != nil {
			t.Fatal(fmt.Errorf("%w; run this test by `make e2e-kube`", err))
		}
	}
}
