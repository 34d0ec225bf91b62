/** What surrounds every view of a tenant: the menu, who is logged in, colours and language, the keyboard. */
import {
  ActionIcon,
  AppShell,
  Burger,
  Group,
  NavLink,
  Stack,
  Text,
  UnstyledButton,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconChevronDown,
  IconKeyboard,
  IconLanguage,
  IconMoon,
  IconSun,
  IconUser,
} from "@tabler/icons-react";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useMe } from "@/auth/SessionProvider";
import { Confirmations } from "@/ui/confirm";
import { Later } from "@/ui/Later";
import { AREAS, type Section } from "./areas";
import { useKeyboard } from "./keyboard";
import { remember } from "./remembered";

const KeyboardHelp = lazy(async () => ({ default: (await import("./KeyboardHelp")).KeyboardHelp }));

const SECTIONS: Section[] = ["work", "automation", "administration"];

export function Shell() {
  const { t } = useTranslation();
  const { me, tenant, session } = useMe();
  const [menuOpen, menu] = useDisclosure(false);
  const [helpOpen, help] = useDisclosure(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const areas = AREAS.filter((area) => area.shownTo(me));
  useKeyboard(areas, help.toggle);
  useEffect(() => remember(tenant), [tenant]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: on a phone the menu closes when one has gone somewhere.
  useEffect(() => menu.close(), [path]);

  return (
    <AppShell
      header={{ height: 48 }}
      navbar={{ width: 208, breakpoint: "sm", collapsed: { mobile: !menuOpen } }}
      padding={{ base: "sm", sm: "lg" }}
      styles={{ header: { background: "var(--pen-ground)" }, navbar: { background: "var(--pen-ground)" } }}
    >
      <a className="skip-link" href="#view">
        {t("shell.skip")}
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap" miw={0}>
            <Burger
              opened={menuOpen}
              onClick={menu.toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={t("shell.menu")}
            />
            <img src="/console/icon.svg" width={24} height={24} alt="" />
            <Text fw={700} visibleFrom="xs">
              Penstock
            </Text>
            <Text truncate>{session.actsIn ? tenant : session.signIn.displayName}</Text>
          </Group>
          <Group gap={4} wrap="nowrap">
            <ActionIcon
              variant="subtle"
              color="gray"
              onClick={help.open}
              aria-label={t("keyboard.title")}
              title={t("keyboard.title")}
              visibleFrom="sm"
            >
              <IconKeyboard size={18} />
            </ActionIcon>
            <ColourSwitch />
            <Later load={() => import("./LanguageMenu")} given={{}}>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t("shell.language")}
                title={t("shell.language")}
              >
                <IconLanguage size={18} />
              </ActionIcon>
            </Later>
            <Later load={() => import("./PersonMenu")} given={{}}>
              <UnstyledButton aria-label={t("shell.person", { name: me.name })} px={6} py={4}>
                <Group gap={4} wrap="nowrap">
                  <IconUser size={18} aria-hidden />
                  <Text size="sm" visibleFrom="sm">
                    {me.name}
                  </Text>
                  <IconChevronDown size={14} aria-hidden />
                </Group>
              </UnstyledButton>
            </Later>
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label={t("shell.areas")}>
        <AppShell.Section grow style={{ overflowY: "auto" }}>
          {SECTIONS.map((section) => {
            const here = areas.filter((area) => area.section === section);
            return (
              here.length > 0 && (
                <Stack key={section} gap={2} mb="md">
                  <Text className="section-label" px={10} pb={4}>
                    {t(`sections.${section}`)}
                  </Text>
                  {here.map(({ path: to, icon: Icon }) => (
                    <NavLink
                      key={to}
                      className="menu-link"
                      component={Link}
                      to={`/${tenant}/${to}`}
                      label={t(`areas.${to}`)}
                      leftSection={<Icon size={17} stroke={1.7} aria-hidden />}
                      data-active={path.startsWith(`/${tenant}/${to}`) || undefined}
                      aria-current={path.startsWith(`/${tenant}/${to}`) ? "page" : undefined}
                    />
                  ))}
                </Stack>
              )
            );
          })}
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="view" tabIndex={-1}>
        <Outlet />
      </AppShell.Main>
      <Confirmations />
      <Suspense>{helpOpen && <KeyboardHelp opened onClose={help.close} areas={areas} />}</Suspense>
    </AppShell>
  );
}

function ColourSwitch() {
  const { t } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const dark =
    colorScheme === "dark" ||
    (colorScheme === "auto" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  const label = t(dark ? "shell.light" : "shell.dark");
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      aria-label={label}
      title={label}
      onClick={() => setColorScheme(dark ? "light" : "dark")}
    >
      {dark ? <IconSun size={18} /> : <IconMoon size={18} />}
    </ActionIcon>
  );
}
