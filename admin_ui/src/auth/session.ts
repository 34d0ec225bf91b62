/** Who is logged in, by the authorization code flow with PKCE at the tenant's issuer; tokens are renewed silently. */
import { type User, UserManager, WebStorageStateStore } from "oidc-client-ts";

export interface SignIn {
  tenant: string;
  displayName: string;
  issuer: string;
  clientId: string;
}

/** The realm of the platform's operators. */
export const CORE = "core";

/** Where a tenant's views begin. */
export function homeOf(tenant: string): string {
  return `/console/${encodeURIComponent(tenant)}`;
}

/** Ask the server where the people of a tenant log in; null when there is no such tenant. */
export async function signInOf(tenant: string): Promise<SignIn | null> {
  const answer = await fetch(`/api/v1/sign-in/${encodeURIComponent(tenant)}`);
  if (answer.status === 404 || answer.status === 400) return null;
  if (!answer.ok) throw new Error(`The server does not answer (HTTP ${answer.status}).`);
  return answer.json();
}

/** In whose name the views of a tenant are used: its own people's, or an operator's who chose it. */
const actor = {
  key: (tenant: string) => `penstock.as.${tenant}`,
  get: (tenant: string) => sessionStorage.getItem(actor.key(tenant)) ?? tenant,
  operator: (tenant: string) => sessionStorage.setItem(actor.key(tenant), CORE),
  clear: (tenant: string) => sessionStorage.removeItem(actor.key(tenant)),
};

/** Let an operator who is logged in look at a tenant. */
export function actIn(tenant: string): void {
  if (tenant !== CORE) actor.operator(tenant);
  window.location.assign(homeOf(tenant));
}

/** One login in this tab. */
export class Session {
  readonly tenant: string;
  readonly realm: string;
  readonly signIn: SignIn;
  private readonly manager: UserManager;
  private user: User | null = null;

  private constructor(tenant: string, realm: string, signIn: SignIn) {
    this.tenant = tenant;
    this.realm = realm;
    this.signIn = signIn;
    this.manager = new UserManager({
      authority: signIn.issuer,
      client_id: signIn.clientId,
      redirect_uri: `${window.location.origin}${homeOf(tenant)}/signed-in`,
      post_logout_redirect_uri: `${window.location.origin}/console/`,
      response_type: "code",
      scope: "openid profile email",
      automaticSilentRenew: true,
      loadUserInfo: false,
      userStore: new WebStorageStateStore({ store: sessionStorage, prefix: `penstock.${realm}.` }),
      stateStore: new WebStorageStateStore({ store: sessionStorage, prefix: "penstock.state." }),
    });
    this.manager.events.addUserLoaded((user) => {
      this.user = user;
    });
  }

  /** The session of a tenant's views; null when there is no such tenant. */
  static async open(tenant: string): Promise<Session | null> {
    const realm = actor.get(tenant);
    const signIn = await signInOf(realm);
    if (signIn === null) return null;
    const session = new Session(tenant, realm, signIn);
    session.user = await session.manager.getUser();
    return session;
  }

  /** The tenant that an operator acts in, else null. */
  get actsIn(): string | null {
    return this.realm === CORE && this.tenant !== CORE ? this.tenant : null;
  }

  get loggedIn(): boolean {
    return this.user !== null && (!this.user.expired || Boolean(this.user.refresh_token));
  }

  /** A token that is valid now; sends to the login page when there is none any more. */
  async token(): Promise<string> {
    if (this.user?.expired) await this.renewOrLogIn();
    if (!this.user) throw new Error("Not logged in.");
    return this.user.access_token;
  }

  private renewing: Promise<void> | null = null;

  /** Trade the refresh token for new tokens, or go to the login page; many calls at once are one. */
  renewOrLogIn(): Promise<void> {
    this.renewing ??= this.renewOnce().finally(() => {
      this.renewing = null;
    });
    return this.renewing;
  }

  private async renewOnce(): Promise<void> {
    try {
      this.user = await this.manager.signinSilent();
    } catch {
      this.user = null;
    }
    if (!this.user) {
      await this.manager.removeUser();
      await this.logIn();
    }
  }

  /** Go to the login page, and come back to where one is. */
  async logIn(): Promise<void> {
    await this.manager.signinRedirect({ state: window.location.pathname + window.location.search });
  }

  /** Take what the login page brought; answers where one was before. */
  async arrive(): Promise<string> {
    this.user = await this.manager.signinRedirectCallback();
    const state = this.user.state;
    return typeof state === "string" && state.startsWith("/console/") ? state : homeOf(this.tenant);
  }

  /** Leave: an operator who acts in a tenant goes back to the platform's views, all others log out. */
  async leave(): Promise<void> {
    if (this.actsIn) {
      actor.clear(this.tenant);
      window.location.assign(homeOf(CORE));
      return;
    }
    await this.manager.signoutRedirect({ id_token_hint: this.user?.id_token });
  }
}
