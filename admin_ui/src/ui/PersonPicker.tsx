/** Chooses somebody of the tenant: oneself, those who work there, or nobody. */
import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { data } from "@/api/client";
import { useMe } from "@/auth/SessionProvider";

interface Someone {
  id: string;
  name: string;
  email?: string;
}

const NOBODY = "-";

/** The people who hold or were given tasks of a queue, and oneself. */
function usePeople(queue: string | undefined): Someone[] {
  const { api, me, tenant } = useMe();
  const [namespace = "", name = ""] = queue?.split(":") ?? [];
  const metrics = useQuery({
    queryKey: [tenant, "queues", queue, "metrics"],
    queryFn: () =>
      data(api.GET("/api/v1/queues/{namespace}/{name}/metrics", { params: { path: { namespace, name } } })),
    enabled: Boolean(queue),
  });
  const others = (metrics.data?.byAssignee ?? []).flatMap((each) =>
    each.id && each.id !== me.subject ? [{ id: each.id, name: each.name ?? each.id }] : [],
  );
  return [{ id: me.subject, name: me.name, email: me.email }, ...others];
}

interface Props {
  label: string;
  value: Someone | null;
  onChange: (value: Someone | null) => void;
  queue?: string;
  onlyMe?: boolean;
  /** What stands for nobody. */
  nobody: string;
}

export function PersonPicker({ label, value, onChange, queue, onlyMe, nobody }: Props) {
  const { t } = useTranslation();
  const { me } = useMe();
  const known = usePeople(queue);
  const people = onlyMe ? known.slice(0, 1) : known;
  const all = value && !people.some(({ id }) => id === value.id) ? [...people, value] : people;
  return (
    <Select
      label={label}
      data={[
        { value: NOBODY, label: nobody },
        ...all.map((each) => ({
          value: each.id,
          label: each.id === me.subject ? t("people.me", { name: each.name }) : each.name,
        })),
      ]}
      value={value?.id ?? NOBODY}
      onChange={(id) => onChange(all.find((each) => each.id === id) ?? null)}
      searchable
      allowDeselect={false}
      data-autofocus
    />
  );
}
