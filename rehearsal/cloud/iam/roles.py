"""The predefined roles of the two stacks, their deployers and the workload, as patterns.

Only permissions that the local cloud checks matter here. The full lists:
https://docs.cloud.google.com/iam/docs/roles-permissions
"""

from __future__ import annotations

ROLES: dict[str, tuple[str, ...]] = {
    # Cloud Storage. Overwriting an object also needs storage.objects.delete: objectCreator cannot.
    "roles/storage.admin": ("storage.*",),
    "roles/storage.objectUser": (
        "storage.objects.get",
        "storage.objects.list",
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.update",
    ),
    "roles/storage.objectViewer": (
        "resourcemanager.projects.get",
        "storage.objects.get",
        "storage.objects.list",
    ),
    "roles/storage.bucketViewer": ("storage.buckets.get", "storage.buckets.list"),
    "roles/storage.objectCreator": ("storage.objects.create",),
    "roles/storage.legacyBucketOwner": ("storage.buckets.*", "storage.objects.list"),
    "roles/storage.legacyBucketReader": ("storage.buckets.get", "storage.objects.list"),
    # Acting as a service account
    "roles/iam.workloadIdentityUser": (
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.getOpenIdToken",
    ),
    "roles/iam.serviceAccountTokenCreator": (
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.getOpenIdToken",
    ),
    "roles/iam.serviceAccountUser": ("iam.serviceAccounts.actAs", "iam.serviceAccounts.get"),
    # Roles of the two companies' deployers (docs/first-deployment.md)
    "roles/iam.serviceAccountAdmin": (
        "iam.serviceAccounts.create",
        "iam.serviceAccounts.delete",
        "iam.serviceAccounts.disable",
        "iam.serviceAccounts.enable",
        "iam.serviceAccounts.get",
        "iam.serviceAccounts.list",
        "iam.serviceAccounts.update",
        "iam.serviceAccounts.getIamPolicy",
        "iam.serviceAccounts.setIamPolicy",
    ),
    "roles/iam.workloadIdentityPoolAdmin": (
        "iam.workloadIdentityPools.*",
        "iam.workloadIdentityPoolProviders.*",
    ),
    "roles/artifactregistry.admin": ("artifactregistry.*",),
    "roles/artifactregistry.reader": (
        "artifactregistry.dockerimages.get",
        "artifactregistry.repositories.get",
        "artifactregistry.repositories.downloadArtifacts",
    ),
    "roles/serviceusage.serviceUsageAdmin": (
        "serviceusage.services.*",
        "serviceusage.operations.*",
    ),
    "roles/resourcemanager.projectIamAdmin": (
        "resourcemanager.projects.get",
        "resourcemanager.projects.getIamPolicy",
        "resourcemanager.projects.setIamPolicy",
    ),
    "roles/browser": ("resourcemanager.projects.get",),
    "roles/compute.instanceAdmin.v1": (
        "compute.autoscalers.*",
        "compute.instanceGroupManagers.*",
        "compute.instanceTemplates.*",
        "compute.instances.*",
        "compute.disks.*",
        "compute.images.*",
        "compute.zones.get",
        "compute.diskTypes.get",
        "compute.machineTypes.get",
        "compute.globalOperations.get",
        "compute.zoneOperations.get",
        "compute.subnetworks.use",
        "compute.subnetworks.useExternalIp",
        "compute.subnetworks.get",
        "compute.networks.get",
    ),
    "roles/compute.networkAdmin": (
        "compute.networks.*",
        "compute.subnetworks.*",
        "compute.firewalls.get",
        "compute.globalOperations.get",
        "compute.regionOperations.get",
    ),
    "roles/compute.securityAdmin": (
        "compute.firewalls.*",
        "compute.networks.updatePolicy",
        "compute.globalOperations.get",
    ),
    # Roles that only read, for a preview with --refresh (docs/pull-requests.md)
    "roles/iam.securityReviewer": (
        "artifactregistry.repositories.getIamPolicy",
        "iam.serviceAccounts.get",
        "iam.serviceAccounts.getIamPolicy",
        "iam.serviceAccounts.list",
        "iam.workloadIdentityPoolProviders.list",
        "iam.workloadIdentityPools.list",
        "resourcemanager.projects.getIamPolicy",
        "serviceusage.services.list",
        "storage.buckets.getIamPolicy",
        "storage.buckets.list",
        "storage.objects.list",
    ),
    "roles/orgpolicy.policyViewer": ("orgpolicy.policy.get",),
    # https://docs.cloud.google.com/iam/docs/keys-list-get#required-roles
    "roles/iam.serviceAccountViewer": (
        "iam.serviceAccountKeys.get",
        "iam.serviceAccountKeys.list",
        "iam.serviceAccounts.get",
        "iam.serviceAccounts.getIamPolicy",
        "iam.serviceAccounts.list",
        "resourcemanager.projects.get",
    ),
    "roles/iam.workloadIdentityPoolViewer": (
        "iam.workloadIdentityPoolProviders.get",
        "iam.workloadIdentityPoolProviders.list",
        "iam.workloadIdentityPools.get",
        "iam.workloadIdentityPools.list",
        "resourcemanager.projects.get",
    ),
    "roles/compute.viewer": (
        "compute.*.get",
        "compute.instances.getSerialPortOutput",
        "resourcemanager.projects.get",
        "serviceusage.services.get",
        "serviceusage.services.list",
    ),
    # Roles of the workload's own account
    "roles/confidentialcomputing.workloadUser": (
        "confidentialcomputing.challenges.create",
        "confidentialcomputing.challenges.verify",
        "confidentialcomputing.locations.get",
        "confidentialcomputing.locations.list",
    ),
    "roles/logging.logWriter": ("logging.logEntries.create",),
    # https://docs.cloud.google.com/pubsub/docs/access-control#roles
    "roles/pubsub.admin": ("pubsub.*",),
    "roles/pubsub.publisher": ("pubsub.topics.publish",),
    "roles/pubsub.subscriber": (
        "pubsub.subscriptions.consume",
        "pubsub.topics.attachSubscription",
    ),
    "roles/pubsub.viewer": ("pubsub.subscriptions.get", "pubsub.topics.get"),
}
