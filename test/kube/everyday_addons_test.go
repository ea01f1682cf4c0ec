package kube

import (
	"fmt"
	"net/http"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// everydayAddons is what tools and add-ons of most clusters do: package managers, network and storage drivers, programs
// for certificates, joining nodes. It gives no alert.
var everydayAddons = []scenario{
	{name: "helm installs and upgrades a release", act: func(s *scene) {
		s.done(s.as("alice").CoreV1().Secrets("shop").List(ctx(), metav1.ListOptions{LabelSelector: "owner=helm,name=blog"}))
		s.create("alice", "{apiVersion: v1, kind: Secret, metadata: {name: sh.helm.release.v1.blog.v1, namespace: shop, labels: {owner: helm, name: blog}}, type: helm.sh/release.v1, stringData: {release: SDRzSUFB}}")
		s.apply("alice", deployment("shop", "blog", "1"))
		s.apply("alice", service("shop", "blog", "ClusterIP"))
		s.create("kubernetes-admin", "{apiVersion: v1, kind: Secret, metadata: {name: sh.helm.release.v1.metrics.v1, namespace: kube-system, labels: {owner: helm}}, type: helm.sh/release.v1, stringData: {release: SDRzSUFB}}")
		s.done(s.as("kubernetes-admin").CoreV1().Secrets("").List(ctx(), metav1.ListOptions{LabelSelector: "owner=helm"}))
	}},
	{name: "deployments from a repository", act: func(s *scene) {
		s.namespace("kubernetes-admin", "argocd")
		argo := s.account("argocd", "argocd-application-controller", "patch", "deployments.apps",
			"{verbs: [get, list, watch, create, patch, update, delete], apiGroups: ['', apps, networking.k8s.io], resources: [namespaces, deployments, services, configmaps, networkpolicies, ingresses]}")
		s.create(argo, "{apiVersion: v1, kind: Namespace, metadata: {name: from-repository}}")
		s.fillNamespace("from-repository")
		s.apply(argo, deployment("from-repository", "site", "1"))
		s.apply(argo, "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: site, namespace: from-repository}, spec: {podSelector: {matchLabels: {app: site}}, ingress: [{from: [{podSelector: {}}]}]}}")
		s.ok(s.as(argo).AppsV1().Deployments("from-repository").Delete(ctx(), "site", metav1.DeleteOptions{}))
	}},
	{name: "certificates of apps and webhooks renewed", act: func(s *scene) {
		s.namespace("kubernetes-admin", "cert-manager")
		manager := s.account("cert-manager", "cert-manager", "patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io",
			"{verbs: [create, update, patch], apiGroups: ['', coordination.k8s.io], resources: [events, leases]}, {verbs: [get, patch, update], apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations]}")
		s.create("kubernetes-admin", "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: certificates, namespace: shop}, rules: [{verbs: [get, create, update, patch], apiGroups: [''], resources: [secrets]}]}")
		s.create("kubernetes-admin", roleBinding("shop", "certificates", "Role", "certificates", "ServiceAccount", "cert-manager/cert-manager"))
		s.allowed(manager, "shop", "patch", "secrets", "")
		s.apply(manager, "{apiVersion: v1, kind: Secret, metadata: {name: front-tls, namespace: shop}, type: kubernetes.io/tls, stringData: {tls.crt: renewed, tls.key: renewed}}")
		s.done(s.as(manager).AdmissionregistrationV1().MutatingWebhookConfigurations().Patch(ctx(), "inject", types.JSONPatchType,
			[]byte(`[{"op":"replace","path":"/webhooks/0/timeoutSeconds","value":9}]`), metav1.PatchOptions{}))
	}},
	{name: "network plug-in and proxy", act: func(s *scene) {
		s.namespace("kubernetes-admin", "calico-system")
		plugin := s.account("calico-system", "calico-node", "patch", "pods", "{verbs: [get, list, watch, patch, update], apiGroups: [''], resources: [nodes, nodes/status, pods, pods/status, namespaces]}")
		s.done(s.as(plugin).CoreV1().Pods("shop").Patch(ctx(), "web", types.MergePatchType, []byte(`{"metadata":{"annotations":{"cni.registry.example/podIP":"10.244.0.9/32"}}}`), metav1.PatchOptions{}, "status"))
		s.done(s.as(plugin).CoreV1().Nodes().Patch(ctx(), node, types.StrategicMergePatchType, []byte(`{"status":{"conditions":[{"type":"NetworkUnavailable","status":"False","reason":"PluginIsUp"}]}}`), metav1.PatchOptions{}, "status"))
		proxy := s.account("kube-system", "kube-proxy", "list", "services", "{verbs: [list, watch], apiGroups: ['', discovery.k8s.io], resources: [services, endpointslices, nodes]}")
		s.done(s.as(proxy).DiscoveryV1().EndpointSlices("").List(ctx(), metav1.ListOptions{}))
		s.done(s.as(proxy).CoreV1().Services("").List(ctx(), metav1.ListOptions{}))
	}},
	{name: "volumes provisioned", act: func(s *scene) {
		s.namespace("kubernetes-admin", "storage")
		driver := s.account("storage", "csi-provisioner", "create", "persistentvolumes", "{verbs: [get, list, watch, create, update, patch], apiGroups: ['', storage.k8s.io], resources: [persistentvolumes, persistentvolumeclaims, volumeattachments, events]}")
		s.create(driver, "{apiVersion: v1, kind: PersistentVolume, metadata: {name: pvc-1}, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], csi: {driver: disk.registry.example, volumeHandle: d-1}}}")
	}},
	{name: "node joins with a token", act: func(s *scene) {
		s.allowed(joiner, "kube-system", "get", "configmaps", "kubeadm-config")
		s.allowed(joiner, "", "create", "certificatesigningrequests.certificates.k8s.io", "")
		s.done(s.as(joiner).CoreV1().ConfigMaps("kube-system").Get(ctx(), "kubeadm-config", metav1.GetOptions{}))
		made, err := s.as(joiner).CertificatesV1().CertificateSigningRequests().Create(ctx(), &certificatesv1.CertificateSigningRequest{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "csr-"},
			Spec: certificatesv1.CertificateSigningRequestSpec{
				Request: s.request("system:node:node-3", "system:nodes"), SignerName: certificatesv1.KubeAPIServerClientKubeletSignerName,
				Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
			},
		}, metav1.CreateOptions{})
		s.ok(err)
		s.approve(controllers+"certificate-controller", made)
	}},
	{name: "certificate of a kubelet's server approved by hand", act: func(s *scene) {
		made, err := s.as(kubeletOfNode).CertificatesV1().CertificateSigningRequests().Create(ctx(), &certificatesv1.CertificateSigningRequest{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "csr-"},
			Spec: certificatesv1.CertificateSigningRequestSpec{
				Request: s.request(kubeletOfNode, "system:nodes"), SignerName: certificatesv1.KubeletServingSignerName,
				Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth},
			},
		}, metav1.CreateOptions{})
		s.ok(err)
		s.approve("kubernetes-admin", made)
	}},
	{name: "stateful set and its volumes", act: func(s *scene) {
		s.apply("alice", "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: shop}, spec: {serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: app, image: registry.example/db:1}]}}, volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}}")
		s.create(controllers+"statefulset-controller", "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data-db-0, namespace: shop}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}")
		s.create(controllers+"statefulset-controller", pod("shop", "db-0", "volumes: [{name: data, persistentVolumeClaim: {claimName: data-db-0}}]"))
	}},
	{name: "namespace deleted", act: func(s *scene) {
		s.namespace("kubernetes-admin", "short")
		s.create("kubernetes-admin", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: short}, data: {a: b}}")
		s.ok(s.as("kubernetes-admin").CoreV1().Namespaces().Delete(ctx(), "short", metav1.DeleteOptions{}))
		controller := s.as(controllers + "namespace-controller")
		s.ok(controller.CoreV1().ConfigMaps("short").DeleteCollection(ctx(), metav1.DeleteOptions{}, metav1.ListOptions{}))
		s.ok(controller.CoreV1().Secrets("short").DeleteCollection(ctx(), metav1.DeleteOptions{}, metav1.ListOptions{}))
		s.ok(controller.CoreV1().ServiceAccounts("short").DeleteCollection(ctx(), metav1.DeleteOptions{}, metav1.ListOptions{}))
		s.ok(controller.CoreV1().Pods("short").DeleteCollection(ctx(), metav1.DeleteOptions{}, metav1.ListOptions{}))
		s.ok(controller.NetworkingV1().NetworkPolicies("short").DeleteCollection(ctx(), metav1.DeleteOptions{}, metav1.ListOptions{}))
		short, err := controller.CoreV1().Namespaces().Get(ctx(), "short", metav1.GetOptions{})
		s.ok(err)
		short.Spec.Finalizers = nil
		s.done(controller.CoreV1().Namespaces().Finalize(ctx(), short, metav1.UpdateOptions{}))
	}},
	{name: "deletions tried by kubectl", act: func(s *scene) {
		try := metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}
		s.ok(s.as("alice").NetworkingV1().NetworkPolicies("shop").Delete(ctx(), "cart", try))
		s.ok(s.as("alice").AppsV1().Deployments("shop").Delete(ctx(), "cart", try))
		s.ok(s.as("kubernetes-admin").AdmissionregistrationV1().MutatingWebhookConfigurations().Delete(ctx(), "inject", try))
	}},
	{name: "own rights listed by a person", act: func(s *scene) {
		s.done(s.as("alice").AuthorizationV1().SelfSubjectRulesReviews().Create(ctx(), &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "shop"}}, metav1.CreateOptions{}))
	}},
	{name: "mistakes", act: func(s *scene) {
		s.refused(s.as("alice").CoreV1().Pods("monitoring").List(ctx(), metav1.ListOptions{}))
		s.refused(s.as("alice").CoreV1().Nodes().List(ctx(), metav1.ListOptions{}))
		s.status(http.StatusNotFound, "alice", http.MethodGet, "/api/v1/namespaces/shop/configmaps/gone", "", "")
		s.status(http.StatusConflict, "alice", http.MethodPost, "/api/v1/namespaces/shop/configmaps", "application/json", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"cart"}}`)
		s.status(http.StatusUnprocessableEntity, "alice", http.MethodPost, "/api/v1/namespaces/shop/pods", "application/json", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"no-containers"},"spec":{"containers":[]}}`)
		s.status(http.StatusBadRequest, "alice", http.MethodPost, "/api/v1/namespaces/shop/pods", "application/json", `{"apiVersion":"v1","kind":`)
	}},
	{name: "leader of an app elected", act: func(s *scene) {
		app := s.account("blog", "elected", "create", "leases.coordination.k8s.io", "{verbs: [get, create, update], apiGroups: [coordination.k8s.io], resources: [leases]}")
		s.create(app, "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: elected, namespace: blog}, spec: {holderIdentity: one, leaseDurationSeconds: 15}}")
	}},
	{name: "tokens of service accounts looked up by an API of one's own", act: func(s *scene) {
		gate := s.account("monitoring", "gate", "create", "tokenreviews.authentication.k8s.io", "{verbs: [create], apiGroups: [authentication.k8s.io, authorization.k8s.io], resources: [tokenreviews, subjectaccessreviews]}")
		s.done(s.as(gate).AuthenticationV1().TokenReviews().Create(ctx(), &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: s.tokens[deployer]}}, metav1.CreateOptions{}))
		s.done(s.as(gate).AuthorizationV1().SubjectAccessReviews().Create(ctx(), &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: deployer, ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: "shop", Verb: "get", Resource: "pods"},
		}}, metav1.CreateOptions{}))
	}},
}

// account makes a service account with a cluster role of its own, whose rules are YAML flow, and gives its user name as
// soon as it may do what is named, which tells that the authorizer knows all of the role.
func (s *scene) account(namespace, name, verb, resource, rules string) string {
	who := "system:serviceaccount:" + namespace + ":" + name
	s.serviceAccount("kubernetes-admin", namespace, name)
	s.login(namespace, name)
	s.create("kubernetes-admin", fmt.Sprintf("{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: %s}, rules: [%s]}", name, rules))
	s.create("kubernetes-admin", clusterRoleBinding(name, name, "ServiceAccount", namespace+"/"+name))
	s.allowed(who, "", verb, resource, "")
	return who
}
