package kube

import (
	"fmt"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const kubeletOfNode = "system:node:" + node

// everydayOperation is what administrators, nodes, controllers and add-ons do all day. It gives no alert.
var everydayOperation = []scenario{
	{name: "namespace by an administrator", act: func(s *scene) {
		s.namespace("kubernetes-admin", "blog")
		s.done(s.as("kubernetes-admin").CoreV1().Namespaces().Patch(ctx(), "blog", types.MergePatchType,
			[]byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`), metav1.PatchOptions{}))
		// Nobody makes pods there: without its controller a quota has no state, and then none would be let in.
		s.create("kubernetes-admin", "{apiVersion: v1, kind: ResourceQuota, metadata: {name: limits, namespace: monitoring}, spec: {hard: {pods: '20'}}}")
	}},
	{name: "restricted pod in a restricted namespace", act: func(s *scene) {
		s.create("kubernetes-admin", "{apiVersion: v1, kind: Pod, metadata: {name: writer, namespace: blog}, spec: {securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, containers: [{name: app, image: registry.example/blog:1, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}}")
	}},
	{name: "rights of an app without wildcards", act: func(s *scene) {
		s.serviceAccount("kubernetes-admin", "blog", "importer")
		s.create("kubernetes-admin", "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: importer, namespace: blog}, rules: [{verbs: [get, list, watch], apiGroups: [''], resources: [configmaps, pods]}, {verbs: [get], apiGroups: [''], resources: [secrets], resourceNames: [database]}]}")
		s.create("kubernetes-admin", roleBinding("blog", "importer", "Role", "importer", "ServiceAccount", "blog/importer"))
	}},
	{name: "app reads its own secret", act: func(s *scene) {
		s.create("kubernetes-admin", "{apiVersion: v1, kind: Secret, metadata: {name: database, namespace: blog}, stringData: {url: 'postgres://db'}}")
		s.login("blog", "importer")
		s.allowed("system:serviceaccount:blog:importer", "blog", "get", "secrets", "database")
		app := s.as("system:serviceaccount:blog:importer").CoreV1()
		s.done(app.Secrets("blog").Get(ctx(), "database", metav1.GetOptions{}))
		s.done(app.ConfigMaps("blog").List(ctx(), metav1.ListOptions{}))
	}},
	{name: "node reports its state and renews its lease", act: func(s *scene) {
		s.reportNode(node)
		s.create(kubeletOfNode, fmt.Sprintf("{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: %s, namespace: kube-node-lease}, spec: {holderIdentity: %s, leaseDurationSeconds: 40}}", node, node))
		leases := s.as(kubeletOfNode).CoordinationV1().Leases("kube-node-lease")
		lease, err := leases.Get(ctx(), node, metav1.GetOptions{})
		s.ok(err)
		now := metav1.NewMicroTime(time.Now())
		lease.Spec.RenewTime = &now
		s.done(leases.Update(ctx(), lease, metav1.UpdateOptions{}))
		s.done(s.as(kubeletOfNode).CoreV1().Nodes().Get(ctx(), node, metav1.GetOptions{}))
	}},
	{name: "kubelet starts a pod with its token and its secret", act: func(s *scene) {
		s.create("alice", "{apiVersion: v1, kind: Secret, metadata: {name: api, namespace: shop}, stringData: {key: value}}")
		s.create("alice", pod("shop", "reader", "volumes: [{name: api, secret: {secretName: api}}]"))
		s.run("shop", "reader")
		kubelet := s.as(kubeletOfNode).CoreV1()
		s.allowed(kubeletOfNode, "shop", "get", "pods", "reader")
		s.allowed(kubeletOfNode, "shop", "get", "secrets", "api")
		reader, err := kubelet.Pods("shop").Get(ctx(), "reader", metav1.GetOptions{})
		s.ok(err)
		s.done(kubelet.Secrets("shop").Get(ctx(), "api", metav1.GetOptions{}))
		s.done(kubelet.ServiceAccounts("shop").CreateToken(ctx(), "default", &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: "reader", UID: reader.UID},
		}}, metav1.CreateOptions{}))
		s.create(kubeletOfNode, eventOf("reader", "Started"))
	}},
	{name: "static pods reported", act: func(s *scene) {
		for _, name := range []string{"kube-apiserver", "etcd"} {
			s.create(kubeletOfNode, fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: %s-%s, namespace: kube-system, annotations: {kubernetes.io/config.mirror: abc, kubernetes.io/config.hash: abc, kubernetes.io/config.source: file}, ownerReferences: [{apiVersion: v1, kind: Node, name: %s, uid: %s, controller: true}]}, "+
				"spec: {nodeName: %s, hostNetwork: true, volumes: [{name: pki, hostPath: {path: /etc/kubernetes/pki}}], containers: [{name: app, image: registry.example/%s:1}]}}", name, node, node, s.nodeUID(), node, name))
		}
	}},
	{name: "pods of the system's daemon sets", act: func(s *scene) {
		s.create(controllers+"daemon-set-controller", "{apiVersion: v1, kind: Pod, metadata: {generateName: kube-proxy-, namespace: kube-system}, spec: {hostNetwork: true, volumes: [{name: modules, hostPath: {path: /lib/modules}}], containers: [{name: app, image: registry.example/kube-proxy:1, securityContext: {privileged: true}}]}}")
	}},
	{name: "certificate of a kubelet renewed", act: func(s *scene) {
		requests := s.as(kubeletOfNode).CertificatesV1().CertificateSigningRequests()
		made, err := requests.Create(ctx(), &certificatesv1.CertificateSigningRequest{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "csr-"},
			Spec: certificatesv1.CertificateSigningRequestSpec{
				Request: s.request(kubeletOfNode, "system:nodes"), SignerName: certificatesv1.KubeAPIServerClientKubeletSignerName,
				Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
			},
		}, metav1.CreateOptions{})
		s.ok(err)
		s.approve(controllers+"certificate-controller", made)
	}},
	{name: "joining node reads cluster-info", act: func(s *scene) {
		s.done(s.as(anonymous).CoreV1().ConfigMaps("kube-public").Get(ctx(), "cluster-info", metav1.GetOptions{}))
	}},
	{name: "load balancer asks for health and version", act: func(s *scene) {
		for _, path := range []string{"/livez", "/readyz?verbose", "/healthz", "/version"} {
			s.status(http.StatusOK, anonymous, http.MethodGet, path, "", "")
		}
	}},
	{name: "leader elected", act: func(s *scene) {
		s.create("system:kube-scheduler", "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: kube-scheduler, namespace: kube-system}, spec: {holderIdentity: one, leaseDurationSeconds: 15}}")
		s.create(controllerManager, "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: kube-controller-manager, namespace: kube-system}, spec: {holderIdentity: one, leaseDurationSeconds: 15}}")
	}},
	{name: "metrics of kubelets read", act: func(s *scene) {
		s.serviceAccount("kubernetes-admin", "monitoring", "prometheus")
		s.create("kubernetes-admin", clusterRole("prometheus", `[get]`, `[""]`, `[nodes/metrics, nodes/stats]`))
		s.create("kubernetes-admin", clusterRoleBinding("prometheus", "prometheus", "ServiceAccount", "monitoring/prometheus"))
		s.status(s.proxied(), "kubernetes-admin", http.MethodGet, "/api/v1/nodes/node-1/proxy/metrics", "", "")
		s.status(s.proxied(), "kubernetes-admin", http.MethodGet, "/api/v1/nodes/node-1/proxy/stats/summary", "", "")
	}},
	{name: "operator installed and at work", act: func(s *scene) {
		s.create("kubernetes-admin", "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: shops.registry.example}, spec: {group: registry.example, scope: Namespaced, names: {plural: shops, singular: shop, kind: Shop}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}")
		s.namespace("kubernetes-admin", "operators")
		s.serviceAccount("kubernetes-admin", "operators", "shop-operator")
		s.create("kubernetes-admin", clusterRole("shop-operator", `[get, list, watch, create, update, patch, delete]`, `["", apps]`, `[configmaps, services, deployments]`))
		s.create("kubernetes-admin", "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: shop-operator, namespace: shop}, rules: [{verbs: [get, list, create], apiGroups: [''], resources: [secrets]}]}")
		s.create("kubernetes-admin", roleBinding("shop", "shop-operator", "Role", "shop-operator", "ServiceAccount", "operators/shop-operator"))
		s.create("kubernetes-admin", clusterRoleBinding("shop-operator", "shop-operator", "ServiceAccount", "operators/shop-operator"))
		s.login("operators", "shop-operator")
		operator := "system:serviceaccount:operators:shop-operator"
		s.allowed(operator, "shop", "list", "secrets", "")
		s.allowed(operator, "shop", "patch", "deployments.apps", "")
		s.done(s.as(operator).CoreV1().Secrets("shop").List(ctx(), metav1.ListOptions{}))
		s.create(operator, "{apiVersion: v1, kind: Secret, metadata: {name: generated, namespace: shop}, stringData: {key: value}}")
		s.apply(operator, deployment("shop", "made-by-operator", "1"))
	}},
	{name: "garbage collected and finalized", act: func(s *scene) {
		s.create("alice", "{apiVersion: v1, kind: ConfigMap, metadata: {name: left-over, namespace: shop}, data: {a: b}}")
		s.ok(s.as(controllers+"generic-garbage-collector").CoreV1().ConfigMaps("shop").Delete(ctx(), "left-over", metav1.DeleteOptions{}))
		s.ok(s.as(controllers+"namespace-controller").CoreV1().Events("blog").DeleteCollection(ctx(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	}},
	{name: "node cordoned", act: func(s *scene) {
		s.done(s.as("kubernetes-admin").CoreV1().Nodes().Patch(ctx(), otherNode, types.StrategicMergePatchType, []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{}))
		s.done(s.as("kubernetes-admin").CoreV1().Nodes().List(ctx(), metav1.ListOptions{}))
		s.done(s.as(controllers+"node-controller").CoreV1().Nodes().Patch(ctx(), otherNode, types.StrategicMergePatchType, []byte(`{"metadata":{"annotations":{"node.alpha.kubernetes.io/ttl":"0"}}}`), metav1.PatchOptions{}))
	}},
	{name: "classes of priority and storage", act: func(s *scene) {
		s.create("kubernetes-admin", "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 1000}")
		s.create("kubernetes-admin", "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: fast}, provisioner: disk.registry.example}")
	}},
	{name: "token of an app checked", act: func(s *scene) {
		s.done(s.as("kubernetes-admin").AuthenticationV1().TokenReviews().Create(ctx(), &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: s.tokens[deployer]},
		}, metav1.CreateOptions{}))
	}},
	{name: "events of controllers", act: func(s *scene) {
		s.create(controllers+"replicaset-controller", eventOf("web", "SuccessfulCreate"))
		s.create("system:kube-scheduler", eventOf("web", "Scheduled"))
	}},
}

// eventOf is an event about a pod of the namespace shop.
func eventOf(pod, reason string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Event, metadata: {generateName: %[1]s., namespace: shop}, involvedObject: {kind: Pod, namespace: shop, name: %[1]s}, reason: %[2]s, message: %[2]s, type: Normal}", pod, reason)
}

// nodeUID gives the identity of the first node, which owns its static pods.
func (s *scene) nodeUID() types.UID {
	n, err := s.as(kubeletOfNode).CoreV1().Nodes().Get(ctx(), node, metav1.GetOptions{})
	s.ok(err)
	return n.UID
}

// approve lets a request for a certificate pass.
func (s *scene) approve(who string, csr *certificatesv1.CertificateSigningRequest) {
	csr.Status.Conditions = append(csr.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "AutoApproved", Message: "as expected",
	})
	s.done(s.as(who).CertificatesV1().CertificateSigningRequests().UpdateApproval(ctx(), csr.Name, csr, metav1.UpdateOptions{}))
}
