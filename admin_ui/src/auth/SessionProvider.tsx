/** Opens the session of the tenant in the path, logs in where that is needed, and gives both to every view below. */
import { useQuery } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { type Client, clientOf, data, type Schemas } from "@/api/client";
import { Failure, Loading } from "@/ui/states";
import { Session } from "./session";
import { UnknownTenant } from "./UnknownTenant";

export interface Me {
  session: Session;
  api: Client;
  me: Schemas["MeView"];
  tenant: string;
}

const MeContext = createContext<Me | null>(null);

/** Who is logged in, in which tenant, and the client to ask the server with. */
export function useMe(): Me {
  const me = useContext(MeContext);
  if (!me) throw new Error("useMe outside of a session");
  return me;
}

/** Whether the caller has a service role here; an operator has `task-admin` in the tenant it chose. */
export function useIsAdmin(): boolean {
  const { me } = useMe();
  return me.operator || me.roles.includes("task-admin");
}

export function SessionProvider({ tenant, children }: { tenant: string; children: ReactNode }) {
  const [session, setSession] = useState<Session | null | undefined>();
  const [failure, setFailure] = useState<Error>();

  useEffect(() => {
    let current = true;
    Session.open(tenant).then(
      (opened) => current && setSession(opened),
      (error) => current && setFailure(error),
    );
    return () => {
      current = false;
    };
  }, [tenant]);

  if (failure) return <Failure error={failure} />;
  if (session === undefined) return <Loading page />;
  if (session === null) return <UnknownTenant tenant={tenant} />;
  return <LoggedIn session={session}>{children}</LoggedIn>;
}

function LoggedIn({ session, children }: { session: Session; children: ReactNode }) {
  const arriving = window.location.pathname.endsWith("/signed-in");
  const [failure, setFailure] = useState<Error>();

  useEffect(() => {
    const step = arriving ? session.arrive().then((to) => window.location.replace(to)) : undefined;
    const go = step ?? (session.loggedIn ? undefined : session.logIn());
    go?.catch(setFailure);
  }, [session, arriving]);

  if (failure) return <Failure error={failure} retry={() => session.logIn()} />;
  if (arriving || !session.loggedIn) return <Loading page />;
  return <WithMe session={session}>{children}</WithMe>;
}

function WithMe({ session, children }: { session: Session; children: ReactNode }) {
  const api = useMemo(() => clientOf(session), [session]);
  const me = useQuery({
    queryKey: ["me", session.realm, session.tenant],
    queryFn: () => data(api.GET("/api/v1/me")),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const value = useMemo(
    () => (me.data ? { session, api, me: me.data, tenant: session.tenant } : null),
    [session, api, me.data],
  );
  if (me.error) return <Failure error={me.error} retry={() => me.refetch()} />;
  if (!value) return <Loading page />;
  return <MeContext.Provider value={value}>{children}</MeContext.Provider>;
}
